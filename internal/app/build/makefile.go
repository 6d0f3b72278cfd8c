package build

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
)

// makefile runs the target build-{LogicalID} of the source's Makefile on a copy, with ARTIFACTS_DIR set, as `sam build` does.
func (b *Builder) makefile(ctx context.Context, f Function, stage string) (Artifact, error) {
	if !exists(filepath.Join(f.Source, "Makefile")) {
		return Artifact{}, fmt.Errorf("BuildMethod makefile needs a Makefile with the target build-%s", f.LogicalID)
	}
	work, out := filepath.Join(stage, "work"), filepath.Join(stage, "out")
	if err := syncTree(f.Source, work); err != nil {
		return Artifact{}, err
	}
	if err := os.RemoveAll(out); err != nil {
		return Artifact{}, fmt.Errorf("empty build folder: %w", err)
	}
	if err := os.MkdirAll(out, 0o755); err != nil {
		return Artifact{}, fmt.Errorf("make build folder: %w", err)
	}
	target := "build-" + f.LogicalID
	if err := b.run(ctx, f, work, []string{"ARTIFACTS_DIR=" + out}, "make", target); err != nil {
		return Artifact{}, err
	}
	return Artifact{Path: out, Note: "make " + target}, nil
}
