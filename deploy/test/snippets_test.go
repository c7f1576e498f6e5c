package deploy

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	envoygateway "github.com/envoyproxy/gateway/api/v1alpha1"
	lua "github.com/yuin/gopher-lua"
	core "k8s.io/api/core/v1"
	networking "k8s.io/api/networking/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	gatewayapi "sigs.k8s.io/gateway-api/apis/v1"
)

const configuration = `
publicUrl: https://app.example.com
trustedProxies: [10.0.0.0/8]
upstreams:
  accounts:
    kind: login
    origin: https://accounts.example.com
    login:
      request: { path: /api/login, json: { User: "{username}", Password: "{password}" } }
      token: { json: /token }
      subject: { json: /user/id }
routes: [{ path: / }, { path: /, host: admin.example.com }]
`

func snippet(t *testing.T, controller string) []meta.Object {
	t.Helper()
	file := filepath.Join(t.TempDir(), "postern.yaml")
	if err := os.WriteFile(file, []byte(configuration), 0o600); err != nil {
		t.Fatal(err)
	}
	command := exec.Command("../../node_modules/.bin/node", "../../src/cli/main.ts",
		"snippet", "kubernetes", "--for", controller, "--config", file)
	command.Stderr = os.Stderr
	text, err := command.Output()
	if err != nil {
		t.Fatal(err)
	}
	return decode(t, text)
}

func TestIngressNginx(t *testing.T) {
	objects := snippet(t, "ingress-nginx")
	if len(objects) != 4 {
		t.Errorf("%d objects", len(objects))
	}
	clear := the[*core.ConfigMap](t, objects)
	sent := map[string]bool{}
	for name, value := range clear.Data {
		if value != "" {
			t.Errorf("%s is not deleted but set", name)
		}
		sent[strings.ToLower(name)] = true
	}
	for _, object := range objects {
		ingress, ok := object.(*networking.Ingress)
		if !ok {
			continue
		}
		// A header that two directives set is sent twice.
		const copied = "nginx.ingress.kubernetes.io/auth-response-headers"
		for _, name := range strings.Split(ingress.Annotations[copied], ",") {
			if sent[strings.ToLower(name)] {
				t.Errorf("%s is both deleted and copied", name)
			}
		}
		for name := range ingress.Annotations {
			if strings.Contains(name, "snippet") {
				t.Errorf("%s is refused by default", name)
			}
		}
	}
}

func TestEnvoyGateway(t *testing.T) {
	objects := snippet(t, "envoy-gateway")
	policy := the[*envoygateway.SecurityPolicy](t, objects)
	auth := policy.Spec.ExtAuth
	if auth.FailOpen == nil || *auth.FailOpen || auth.HTTP == nil || *auth.HTTP.Path != "/_auth/verify/envoy" {
		t.Errorf("extAuth: %v", auth)
	}
	headers := the[*envoygateway.ClientTrafficPolicy](t, objects).Spec.Headers.EarlyRequestHeaders
	if len(headers.Remove) > 64 {
		t.Errorf("%d headers to remove; 64 is the most", len(headers.Remove))
	}
	for _, rule := range the[*gatewayapi.HTTPRoute](t, objects).Spec.Rules {
		for _, match := range rule.Matches {
			if strings.HasSuffix(*match.Path.Value, "/verify") && len(rule.BackendRefs) > 0 {
				t.Error("/verify is open")
			}
		}
	}
	extension := the[*envoygateway.EnvoyExtensionPolicy](t, objects)
	for what, one := range map[string]struct{ answered, added []string }{
		"no renewal":  {[]string{"", ""}, nil},
		"one cookie":  {[]string{"a=1; Secure", ""}, []string{"a=1; Secure"}},
		"two cookies": {[]string{"a=1; Secure", "b=2"}, []string{"a=1; Secure", "b=2"}},
	} {
		t.Run(what, func(t *testing.T) { renews(t, *extension.Spec.Lua[0].Inline, one.answered, one.added) })
	}
}

// The script in a Lua of the same version, with what it uses of Envoy's API.
func renews(t *testing.T, script string, answered, added []string) {
	state := lua.NewState()
	defer state.Close()
	state.SetGlobal("first", lua.LString(answered[0]))
	state.SetGlobal("second", lua.LString(answered[1]))
	const surroundings = `
request = { ["x-postern-set-cookie-0"] = first, ["x-postern-set-cookie-1"] = second, cookie = "own=1" }
response = {}
cached = "public"
local metadata = {}
local function handle(headers)
  return {
    headers = function() return headers end,
    streamInfo = function() return { dynamicMetadata = function() return {
      set = function(_, filter, key, value)
        metadata[filter] = metadata[filter] or {}
        metadata[filter][key] = value
      end,
      get = function(_, filter) return metadata[filter] end,
    } end } end,
  }
end
envoy_on_request(handle({
  get = function(_, name) return request[name] end,
  remove = function(_, name) request[name] = nil end,
}))
envoy_on_response(handle({
  add = function(_, name, value) assert(name == "set-cookie"); table.insert(response, value) end,
  replace = function(_, name, value) assert(name == "cache-control"); cached = value end,
}))
left = 0
for _ in pairs(request) do left = left + 1 end
count = #response
said = table.concat(response, "\n")
`
	if err := state.DoString(script + surroundings); err != nil {
		t.Fatal(err)
	}
	if left := state.GetGlobal("left").String(); left != "1" {
		t.Errorf("%s headers are left, not the client's cookie alone", left)
	}
	if said := state.GetGlobal("said").String(); said != strings.Join(added, "\n") {
		t.Errorf("set-cookie: %s", said)
	}
	if cached := state.GetGlobal("cached").String(); (cached == "private, no-store") != (len(added) > 0) {
		t.Errorf("cache-control: %s", cached)
	}
}
