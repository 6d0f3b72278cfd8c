// Package mapping renders the mapping templates of integrations: the language of internal/vtl with AWS's variables.
//
//	template.go   Template, Parse, Render
//	call.go       Call: what the templates of one call of a backend see, and what they leave behind
//	input.go      $input: the body and the parameters
//	context.go    $context: the request, and the overrides
//	utilvariable.go       $util: escaping and encoding
//	overrides.go  $context.requestOverride and responseOverride, for those that build requests and answers
//
// Which template is rendered, and what becomes of the text, gateway/integration decides.
package mapping
