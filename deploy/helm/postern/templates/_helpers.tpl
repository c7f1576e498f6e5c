{{- define "postern.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{- define "postern.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 63 | trimSuffix "-" -}}
{{- else if contains (include "postern.name" .) .Release.Name -}}
{{- .Release.Name | trunc 63 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name (include "postern.name" .) | trunc 63 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "postern.selectorLabels" -}}
app.kubernetes.io/name: {{ include "postern.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "postern.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{ include "postern.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end -}}

{{- define "postern.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "postern.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- default "default" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{- define "postern.image" -}}
{{- if .Values.image.digest -}}
{{- printf "%s@%s" .Values.image.repository .Values.image.digest -}}
{{- else -}}
{{- printf "%s:%s" .Values.image.repository (default .Chart.AppVersion .Values.image.tag) -}}
{{- end -}}
{{- end -}}

{{/* postern.yaml */}}
{{- define "postern.config" -}}
{{- if kindIs "string" .Values.config -}}
{{- .Values.config -}}
{{- else -}}
{{- toYaml .Values.config -}}
{{- end -}}
{{- end -}}

{{- define "postern.publicUrl" -}}
{{- $config := fromYaml (include "postern.config" .) -}}
{{- with $config.Error -}}
{{- fail (printf "config: %s" .) -}}
{{- end -}}
{{- required "config.publicUrl: say under which address browsers reach the gateway" $config.publicUrl -}}
{{- end -}}

{{/* The host of publicUrl, without its port. */}}
{{- define "postern.host" -}}
{{- regexReplaceAll ":[0-9]+$" (urlParse (include "postern.publicUrl" .)).host "" -}}
{{- end -}}

{{- define "postern.prefix" -}}
{{- dig "prefix" "/_auth" (fromYaml (include "postern.config" .)) -}}
{{- end -}}

{{/* The most pods there are at once: a rolling update has one more for a while. */}}
{{- define "postern.mostPods" -}}
{{- $count := ternary .Values.autoscaling.maxReplicas .Values.replicaCount .Values.autoscaling.enabled -}}
{{- ternary $count (add $count 1) (eq .Values.strategy.type "Recreate") -}}
{{- end -}}

{{/* A little longer than the pause and the closing take together, so that nobody is cut off before. */}}
{{- define "postern.gracePeriod" -}}
{{- add .Values.drain.preStopSeconds .Values.drain.shutdownSeconds 5 -}}
{{- end -}}

{{/* What the cluster knows better than the file. The admin port is opened to the pod's address, for the kubelet. */}}
{{- define "postern.environment" -}}
- { name: POSTERN_LISTEN__HOST, value: {{ .Values.bindAddress | quote }} }
- { name: POSTERN_LISTEN__PORT, value: {{ .Values.ports.http | quote }} }
- { name: POSTERN_LISTEN__ADMIN_HOST, value: {{ .Values.bindAddress | quote }} }
- { name: POSTERN_LISTEN__ADMIN_PORT, value: {{ .Values.ports.admin | quote }} }
- { name: POSTERN_KEYS__DIR, value: /app/keys }
- { name: POSTERN_WORKERS, value: "1" }
- { name: POSTERN_REPLICAS, value: {{ include "postern.mostPods" . | quote }} }
- { name: POSTERN_SHUTDOWN_TIMEOUT, value: "{{ .Values.drain.shutdownSeconds }}s" }
{{- if .Values.revocations.existingConfigMap }}
- { name: POSTERN_REVOCATIONS__FILE, value: /etc/postern/revocations/revocations.yaml }
{{- end }}
{{- end -}}
