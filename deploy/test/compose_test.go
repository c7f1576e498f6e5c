package deploy

import (
	"context"
	"testing"

	"github.com/compose-spec/compose-go/v2/loader"
	"github.com/compose-spec/compose-go/v2/types"
)

// The loader that Docker Compose itself uses: schema, interpolation, merge keys, consistency.
func TestCompose(t *testing.T) {
	project, err := loader.LoadWithContext(context.Background(), types.ConfigDetails{
		WorkingDir:  "../compose",
		ConfigFiles: []types.ConfigFile{{Filename: "../compose/compose.yaml"}},
	}, func(options *loader.Options) {
		options.SetProjectName("postern", true)
		options.Profiles = []string{"*"}
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(project.Services) != 4 {
		t.Errorf("%d services", len(project.Services))
	}
	for name, service := range project.Services {
		if !service.ReadOnly || len(service.CapDrop) != 1 || service.CapDrop[0] != "ALL" || len(service.CapAdd) > 0 ||
			service.Privileged || len(service.SecurityOpt) != 1 {
			t.Errorf("%s is not closed", name)
		}
		for _, port := range service.Ports {
			if name != "gateway" || port.HostIP != "127.0.0.1" || port.Target != 8080 {
				t.Errorf("%s is open at %v", name, port)
			}
		}
		for _, volume := range service.Volumes {
			if !volume.ReadOnly && name != "keys" {
				t.Errorf("%s may write to %s", name, volume.Target)
			}
		}
	}
	gateway := project.Services["gateway"]
	if gateway.HealthCheck == nil || gateway.StopGracePeriod == nil || gateway.StopGracePeriod.String() != "40s" {
		t.Errorf("gateway: %v, %v", gateway.HealthCheck, gateway.StopGracePeriod)
	}
	if !project.Networks["back"].Internal {
		t.Error("redis and the backend reach the world")
	}
}
