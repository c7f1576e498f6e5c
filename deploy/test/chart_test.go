package deploy

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	monitoring "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	apps "k8s.io/api/apps/v1"
	autoscaling "k8s.io/api/autoscaling/v2"
	core "k8s.io/api/core/v1"
	networking "k8s.io/api/networking/v1"
	policy "k8s.io/api/policy/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	gatewayapi "sigs.k8s.io/gateway-api/apis/v1"
)

const chart = "../helm/postern"

const minimal = chart + "/ci/minimal-values.yaml"

func helm(args ...string) (string, string, error) {
	program := os.Getenv("HELM")
	if program == "" {
		program = "helm"
	}
	command := exec.Command(program, args...)
	var stdout, stderr bytes.Buffer
	command.Stdout, command.Stderr = &stdout, &stderr
	err := command.Run()
	return stdout.String(), stderr.String(), err
}

func render(t *testing.T, release string, args ...string) []meta.Object {
	t.Helper()
	stdout, stderr, err := helm(append([]string{"template", release, chart, "--namespace", "auth"}, args...)...)
	if err != nil {
		t.Fatalf("helm template: %v\n%s", err, stderr)
	}
	return decode(t, []byte(stdout))
}

func TestValues(t *testing.T) {
	samples, _ := filepath.Glob(chart + "/ci/*-values.yaml")
	if len(samples) < 3 {
		t.Fatalf("only %d samples", len(samples))
	}
	for _, sample := range samples {
		t.Run(filepath.Base(sample), func(t *testing.T) {
			if stdout, stderr, err := helm("lint", "--strict", chart, "--values", sample); err != nil {
				t.Fatalf("helm lint: %s%s", stdout, stderr)
			}
			holds(t, render(t, "postern", "--values", sample))
			long := strings.Repeat("x", 53)
			for _, object := range render(t, long, "--values", sample) {
				if len(object.GetName()) > 63 {
					t.Errorf("%T: the name %s is too long", object, object.GetName())
				}
			}
		})
	}
}

func TestEverythingThereIs(t *testing.T) {
	objects := render(t, "postern", "--values", chart+"/ci/full-values.yaml")
	the[*autoscaling.HorizontalPodAutoscaler](t, objects)
	the[*policy.PodDisruptionBudget](t, objects)
	the[*networking.Ingress](t, objects)
	the[*gatewayapi.HTTPRoute](t, objects)
	the[*monitoring.PodMonitor](t, objects)
	the[*core.ServiceAccount](t, objects)
}

// What has to be true whatever the values are.
func holds(t *testing.T, objects []meta.Object) {
	t.Helper()
	deployment := the[*apps.Deployment](t, objects)
	pod := deployment.Spec.Template
	container := pod.Spec.Containers[0]
	if len(pod.Spec.Containers) != 1 {
		t.Errorf("%d containers", len(pod.Spec.Containers))
	}
	env := map[string]string{}
	for _, one := range container.Env {
		if _, twice := env[one.Name]; twice {
			t.Errorf("%s is set twice", one.Name)
		}
		env[one.Name] = one.Value
	}

	for _, object := range objects {
		if object.GetNamespace() != "auth" {
			t.Errorf("%T %s: namespace %q", object, object.GetName(), object.GetNamespace())
		}
		if object.GetLabels()["app.kubernetes.io/name"] != "postern" {
			t.Errorf("%T %s: labels %v", object, object.GetName(), object.GetLabels())
		}
	}
	matches := func(what string, selector map[string]string) {
		if len(selector) == 0 || !labels.SelectorFromSet(selector).Matches(labels.Set(pod.Labels)) {
			t.Errorf("%s: %v does not select the pods %v", what, selector, pod.Labels)
		}
	}
	matches("Deployment", deployment.Spec.Selector.MatchLabels)

	ports := map[string]int32{}
	for _, port := range container.Ports {
		ports[port.Name] = port.ContainerPort
	}
	if len(ports) != 2 || strconv.Itoa(int(ports["http"])) != env["POSTERN_LISTEN__PORT"] ||
		strconv.Itoa(int(ports["admin"])) != env["POSTERN_LISTEN__ADMIN_PORT"] {
		t.Errorf("ports %v, environment %v", ports, env)
	}
	for what, probe := range map[string]struct {
		probe *core.Probe
		path  string
	}{
		"startup": {container.StartupProbe, "/healthz"}, "liveness": {container.LivenessProbe, "/healthz"},
		"readiness": {container.ReadinessProbe, "/readyz"},
	} {
		if probe.probe == nil || probe.probe.HTTPGet == nil || probe.probe.HTTPGet.Path != probe.path ||
			probe.probe.HTTPGet.Port.StrVal != "admin" {
			t.Errorf("%s probe: %v", what, probe.probe)
		}
	}
	// Otherwise the kubelet, which asks the pod's address, is refused.
	if host := env["POSTERN_LISTEN__ADMIN_HOST"]; host != "0.0.0.0" && host != "::" {
		t.Errorf("admin host %q", host)
	}

	service := the[*core.Service](t, objects)
	matches("Service", service.Spec.Selector)
	if len(service.Spec.Ports) != 1 || service.Spec.Ports[0].TargetPort.StrVal != "http" {
		t.Errorf("service ports: %v", service.Spec.Ports)
	}
	if route, ok := find[*gatewayapi.HTTPRoute](objects); ok {
		backed := 0
		for _, rule := range route.Spec.Rules {
			for _, backend := range rule.BackendRefs {
				backed++
				if string(backend.Name) != service.Name || int32(*backend.Port) != service.Spec.Ports[0].Port {
					t.Errorf("HTTPRoute leads to %s:%d", backend.Name, *backend.Port)
				}
			}
		}
		if backed != 1 {
			t.Errorf("HTTPRoute has %d backends", backed)
		}
	}
	if ingress, ok := find[*networking.Ingress](objects); ok {
		backend := ingress.Spec.Rules[0].HTTP.Paths[0].Backend.Service
		if backend.Name != service.Name || backend.Port.Name != "http" || ingress.Spec.Rules[0].Host != "app.example.com" {
			t.Errorf("Ingress: %v", ingress.Spec.Rules)
		}
	}
	if budget, ok := find[*policy.PodDisruptionBudget](objects); ok {
		matches("PodDisruptionBudget", budget.Spec.Selector.MatchLabels)
	}
	if monitor, ok := find[*monitoring.PodMonitor](objects); ok {
		matches("PodMonitor", monitor.Spec.Selector.MatchLabels)
		if port := monitor.Spec.PodMetricsEndpoints[0].Port; port == nil || ports[*port] == 0 {
			t.Errorf("PodMonitor asks port %v", port)
		}
	}
	if network, ok := find[*networking.NetworkPolicy](objects); ok {
		matches("NetworkPolicy", network.Spec.PodSelector.MatchLabels)
		for _, rule := range network.Spec.Ingress {
			if len(rule.Ports) != 1 || ports[rule.Ports[0].Port.StrVal] == 0 {
				t.Errorf("NetworkPolicy opens %v", rule.Ports)
			}
			if rule.Ports[0].Port.StrVal == "admin" && len(rule.From) == 0 {
				t.Error("NetworkPolicy opens the admin port to everybody")
			}
		}
	}

	// The pause and the closing have to fit into what the kubelet waits.
	shutdown, err := time.ParseDuration(env["POSTERN_SHUTDOWN_TIMEOUT"])
	if err != nil {
		t.Error(err)
	}
	pause := time.Duration(0)
	if container.Lifecycle != nil {
		pause = time.Duration(container.Lifecycle.PreStop.Sleep.Seconds) * time.Second
	}
	if grace := time.Duration(*pod.Spec.TerminationGracePeriodSeconds) * time.Second; grace <= pause+shutdown {
		t.Errorf("killed after %v, though it may take %v", grace, pause+shutdown)
	}

	image := container.Image[strings.LastIndex(container.Image, "/")+1:]
	if !strings.ContainsAny(image, ":@") || strings.HasSuffix(image, ":latest") {
		t.Errorf("image %s", container.Image)
	}

	whole, own := pod.Spec.SecurityContext, container.SecurityContext
	if !*whole.RunAsNonRoot || *whole.RunAsUser != 65532 || *whole.FSGroup != *whole.RunAsGroup ||
		whole.SeccompProfile.Type != core.SeccompProfileTypeRuntimeDefault {
		t.Errorf("pod: %v", whole)
	}
	if !*own.ReadOnlyRootFilesystem || *own.AllowPrivilegeEscalation || len(own.Capabilities.Drop) != 1 ||
		own.Capabilities.Drop[0] != "ALL" || len(own.Capabilities.Add) != 0 {
		t.Errorf("container: %v", own)
	}
	if *pod.Spec.AutomountServiceAccountToken || *pod.Spec.EnableServiceLinks {
		t.Error("a token of the cluster, or variables of its services, are handed in")
	}
	if container.Resources.Requests.Cpu().IsZero() || container.Resources.Limits.Memory().IsZero() {
		t.Errorf("resources: %v", container.Resources)
	}

	volumes := map[string]core.Volume{}
	for _, volume := range pod.Spec.Volumes {
		volumes[volume.Name] = volume
	}
	for _, mount := range container.VolumeMounts {
		if _, known := volumes[mount.Name]; !known || !mount.ReadOnly || mount.SubPath != "" {
			t.Errorf("mount %v", mount)
		}
		if mount.Name == "keys" && mount.MountPath != env["POSTERN_KEYS__DIR"] {
			t.Errorf("keys at %s, looked for in %s", mount.MountPath, env["POSTERN_KEYS__DIR"])
		}
		if mount.Name == "revocations" && !strings.HasPrefix(env["POSTERN_REVOCATIONS__FILE"], mount.MountPath+"/") {
			t.Errorf("revocations at %s", mount.MountPath)
		}
		if mount.Name == "config" && !strings.HasPrefix(container.Args[2], mount.MountPath+"/") {
			t.Errorf("configuration at %s, looked for in %v", mount.MountPath, container.Args)
		}
	}
	if keys := volumes["keys"].Secret; keys == nil || *keys.DefaultMode != 0o440 {
		t.Errorf("keys: %v", keys)
	}
	config := the[*core.ConfigMap](t, objects)
	if volumes["config"].ConfigMap.Name != config.Name || !strings.Contains(config.Data["postern.yaml"], "publicUrl:") {
		t.Errorf("configuration: %v", config.Data)
	}

	most := 0
	if scaler, ok := find[*autoscaling.HorizontalPodAutoscaler](objects); ok {
		most = int(scaler.Spec.MaxReplicas)
		if deployment.Spec.Replicas != nil || scaler.Spec.ScaleTargetRef.Name != deployment.Name {
			t.Error("two say how many pods there are")
		}
	} else {
		most = int(*deployment.Spec.Replicas)
	}
	if deployment.Spec.Strategy.Type != apps.RecreateDeploymentStrategyType {
		most++
	}
	if env["POSTERN_REPLICAS"] != strconv.Itoa(most) || env["POSTERN_WORKERS"] != "1" {
		t.Errorf("%s replicas of %s workers, not %d", env["POSTERN_REPLICAS"], env["POSTERN_WORKERS"], most)
	}
}

func TestAnotherConfigurationMakesOtherPods(t *testing.T) {
	checksum := func(args ...string) string {
		objects := render(t, "postern", append([]string{"--values", minimal}, args...)...)
		return the[*apps.Deployment](t, objects).Spec.Template.Annotations["checksum/config"]
	}
	before := checksum()
	if before == "" || before != checksum("--set", "replicaCount=5") {
		t.Error("the number of pods is no reason for new ones")
	}
	if before == checksum("--set", "config.log.level=debug") {
		t.Error("another configuration keeps the pods")
	}
}

func TestRefused(t *testing.T) {
	for set, said := range map[string]string{
		"replicaCounts=3":                          "replicaCounts",
		"networkPolicy.egres.restrict=true":        "egres",
		"config.sesion.tokenTtl=5m":                "sesion",
		"config.upstreams.accounts.chek.request=x": "chek",
		"config.session.tokenTtl=soon":             "tokenTtl",
		"image.tag=latest":                         "/image/tag",
		"keys.existingSecret=":                     "existingSecret",
		"httpRoute.enabled=true":                   "httpRoute.parentRefs",
		// An Ingress would lead strangers to what is for front proxies.
		"ingress.enabled=true,config.forwardAuth={nginx}": "/_auth/verify",
	} {
		stdout, stderr, err := helm("template", "postern", chart, "--values", minimal, "--set", set)
		if err == nil || !strings.Contains(stdout+stderr, said) {
			t.Errorf("%s: %v %s", set, err, stderr)
		}
	}
	if _, _, err := helm("template", "postern", chart); err == nil {
		t.Error("a configuration is needed, and none was asked for")
	}
}
