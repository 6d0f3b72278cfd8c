package cli

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/md5"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	application "github.com/sallyport/sallyport/internal/app"
	"github.com/sallyport/sallyport/internal/app/build"
	"github.com/sallyport/sallyport/internal/service/cloudformation/template"
)

func newDeploy() *cobra.Command {
	var opts deployOptions
	cmd := &cobra.Command{
		Use:   "deploy [DIR or TEMPLATE]",
		Short: "Build an app and deploy it to a running server",
		Long: `Deploy builds the functions of a template, uploads them to the running server, and creates or updates the stack,
with a line per resource. DIR has a template.yaml (or .yml, .json), or is an app of the CDK in which "cdk synth" was run.
It finds the server that was started last on this machine, or takes AWS_ENDPOINT_URL and AWS credentials.`,
		Args: func(cmd *cobra.Command, args []string) error {
			args, opts.overrides = moreOverrides(args, opts.overrides)
			if len(args) > 0 {
				opts.target = args[0]
			}
			return oneArg("a folder or a template")(cmd, args)
		},
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := newClient()
			if err != nil {
				return err
			}
			return deploy(cmd.Context(), c, opts, newTerminal(cmd.OutOrStdout(), false))
		},
	}
	f := cmd.Flags()
	f.StringVar(&opts.stack, "stack-name", "", "name of the stack (default: like the folder)")
	f.StringArrayVar(&opts.overrides, "parameter-overrides", nil, "values of the template's parameters, as K=V; more may follow")
	return cmd
}

type deployOptions struct {
	target, stack string
	overrides     []string
}

// maxTemplate is the largest template that travels in the request itself.
const maxTemplate = 51200

func deploy(ctx context.Context, c *client, opts deployOptions, term *terminal) error {
	t, err := application.FindTarget(opts.target)
	if err != nil {
		return err
	}
	values, err := parseOverrides(opts.overrides)
	if err != nil {
		return err
	}
	name := opts.stack
	if name == "" {
		name = t.StackName()
	}
	app, err := application.Read(t)
	if err != nil {
		return err
	}
	builder, err := newBuilder(term)
	if err != nil {
		return err
	}
	began := time.Now()
	up := newUploader(c)
	term.println(term.style(bold, "Building "+name))
	doc, err := app.Rewrite(ctx, builder, func(f build.Function, a build.Artifact, took time.Duration) {
		term.step(term.done(), f.LogicalID, strings.TrimSuffix(f.Runtime+", "+a.Note, ", "))
	}, up.place)
	if err != nil {
		return err
	}
	text := doc.JSON()
	form := url.Values{"StackName": {name}}
	for i, capability := range []string{"CAPABILITY_IAM", "CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"} {
		form.Set(fmt.Sprintf("Capabilities.member.%d", i+1), capability)
	}
	for i, key := range slices.Sorted(maps.Keys(values)) {
		form.Set(fmt.Sprintf("Parameters.member.%d.ParameterKey", i+1), key)
		form.Set(fmt.Sprintf("Parameters.member.%d.ParameterValue", i+1), values[key])
	}
	if len(text) <= maxTemplate {
		form.Set("TemplateBody", string(text))
	} else {
		key, err := up.put(ctx, text, ".template")
		if err != nil {
			return err
		}
		form.Set("TemplateURL", "https://s3."+c.region+".amazonaws.com/"+up.bucket+"/"+key)
	}
	term.println(term.style(bold, "Deploying "+name))
	st, err := applyStack(ctx, c, name, form, term)
	if err != nil {
		return err
	}
	term.println("\n" + term.style(bold, name) + " is deployed in " + elapsed(time.Since(began)))
	for _, o := range st.Outputs {
		term.println("  " + term.style(faint, o.Key) + " " + o.Value)
	}
	return nil
}

// applyStack creates the stack, or updates it if it is there, and waits for the end.
func applyStack(ctx context.Context, c *client, name string, form url.Values, term *terminal) (*remoteStack, error) {
	st, err := describeStack(ctx, c, name)
	action := "UpdateStack"
	switch {
	case isMessage(err, "does not exist"):
		action = "CreateStack"
	case err != nil:
		return nil, err
	case st.Status == "ROLLBACK_COMPLETE" || st.Status == "REVIEW_IN_PROGRESS": // all that can be done with it
		if err := deleteStack(ctx, c, name, term); err != nil {
			return nil, err
		}
		action = "CreateStack"
	}
	before := ""
	if action == "UpdateStack" {
		if before, err = newestEvent(ctx, c, st.StackID); err != nil {
			return nil, err
		}
	}
	var answer struct {
		Created string `xml:"CreateStackResult>StackId"`
		Updated string `xml:"UpdateStackResult>StackId"`
	}
	err = c.cloudformation(ctx, action, form, &answer)
	if isMessage(err, "No updates are to be performed") {
		term.println("  " + term.done() + " nothing has changed")
		return st, nil
	} else if err != nil {
		return nil, err
	}
	st, err = followStack(ctx, c, firstOf(answer.Created, answer.Updated), before, term)
	if err != nil {
		return nil, err
	}
	if st.Status != "CREATE_COMPLETE" && st.Status != "UPDATE_COMPLETE" {
		return nil, st.failed(name)
	}
	return st, nil
}

// An uploader puts artifacts into a bucket of the server, which it makes.
type uploader struct {
	client *client
	bucket string
	made   bool
	placed map[string]string // key by path and state of what was uploaded: several functions may share their code
}

func newUploader(c *client) *uploader {
	return &uploader{client: c, bucket: "sallyport-artifacts-" + c.region, placed: map[string]string{}}
}

// place packs a folder, or takes a file as it is, and uploads it.
func (u *uploader) place(ctx context.Context, _ template.Artifact, path string) (template.Location, error) {
	state, err := application.StateOf(path)
	if err != nil {
		return template.Location{}, fmt.Errorf("read code: %w", err)
	}
	key, ok := u.placed[path+state]
	if !ok {
		data, err := pack(path)
		if err != nil {
			return template.Location{}, err
		}
		if key, err = u.put(ctx, data, ".artifact"); err != nil {
			return template.Location{}, err
		}
		u.placed[path+state] = key
	}
	return template.Location{Bucket: u.bucket, Key: key}, nil
}

// put uploads data under the name of its hash.
func (u *uploader) put(ctx context.Context, data []byte, suffix string) (key string, err error) {
	if !u.made {
		if _, err := u.client.do(ctx, "s3", http.MethodPut, "/"+u.bucket, nil, nil); err != nil && !isMessage(err, "already own") {
			return "", fmt.Errorf("make bucket %s: %w", u.bucket, err)
		}
		u.made = true
	}
	sum := md5.Sum(data)
	key = hex.EncodeToString(sum[:]) + suffix
	if _, err := u.client.do(ctx, "s3", http.MethodPut, "/"+u.bucket+"/"+key, nil, data); err != nil {
		return "", fmt.Errorf("upload code: %w", err)
	}
	return key, nil
}

// pack returns a zip of a folder, the same for the same content.
func pack(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("pack code: %w", err)
	}
	if !info.IsDir() {
		return os.ReadFile(path)
	}
	var buf bytes.Buffer
	z := zip.NewWriter(&buf)
	err = filepath.WalkDir(path, func(file string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if d.Name() == "__pycache__" || d.Name() == ".git" {
				return filepath.SkipDir
			}
			return nil
		}
		info, err := os.Stat(file) // through links: a zip has none
		if err != nil || !info.Mode().IsRegular() {
			return err
		}
		rel, err := filepath.Rel(path, file)
		if err != nil {
			return err
		}
		h := &zip.FileHeader{Name: filepath.ToSlash(rel), Method: zip.Deflate}
		h.SetMode(info.Mode().Perm())
		w, err := z.CreateHeader(h)
		if err != nil {
			return err
		}
		f, err := os.Open(file)
		if err != nil {
			return err
		}
		defer f.Close()
		_, err = io.Copy(w, f)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("pack code: %w", err)
	}
	if err := z.Close(); err != nil {
		return nil, fmt.Errorf("pack code: %w", err)
	}
	return buf.Bytes(), nil
}
