// Package engine keeps DynamoDB's tables: items with a primary key, found by ordered indexes in memory, written to a store.
//
// All tables of one account and region are one Space, and a Space is one store.Store. So a transaction over any of its tables is one
// atomic Apply, and its revisions put all changes into one order; a store per table would need a protocol of our own between
// stores. The price is that dropping a table removes its documents one by one, which happens in the background.
//
// The documents of a Space:
//
//	t/{name}                     a table: its Schema, and the description that belongs to the caller (JSON)
//	i/{table id}/{primary key}   an item, in item's binary form: JSON could outgrow the store's limit for a document
//	s/{table id}/{stream}/{id}   what one write changed, for streams; written in the same batch as the items
//	x/{token}                    a client request token of a transaction
//
// Each node follows the store with Watch and keeps the items of every table, encoded, in a B-tree, and one more tree per secondary
// index. Reads never touch the store. A write locks its keys on this node, computes the new item from the one in memory, and
// writes it if the document's revision is still the one it computed from; after a conflict (another node was faster) it fetches the
// newest document and tries again. What is written is put into memory at once, and again when the watch reports it: revisions tell
// which is newer. A condition that fails is checked against the store before it is believed, so that it is right on every node;
// reads are up to date on the node that wrote, and some milliseconds late on others.
//
//   - engine.go: Engine, and the spaces it has opened
//   - space.go: a Space, following its store
//   - schema.go, tables.go: making, changing and dropping tables
//   - table.go: a table in memory, and reading pages of it
//   - key.go: primary keys, and the bytes that trees are ordered by
//   - write.go: changes to items
//   - log.go: the log of changes behind streams
//   - sweep.go: what has expired: items, records, tokens, items of dropped tables
//
// It does not know expressions, capacity units, nor what AWS says of mistakes.
package engine
