{{/*
The name of everything, and the beginning of pod names. Pod names are node ids: at most 32 characters,
no dots, single hyphens. A name is never cut short: two releases could end up with the same.
*/}}
{{- define "netsy.fullname" -}}
{{- $name := .Values.fullnameOverride -}}
{{- if not $name -}}
  {{- $chart := default .Chart.Name .Values.nameOverride -}}
  {{- $name = ternary .Release.Name (printf "%s-%s" .Release.Name $chart) (contains $chart .Release.Name) -}}
  {{- $name = regexReplaceAll "-+" (replace "." "-" $name) "-" -}}
{{- end -}}
{{- $longest := printf "%s-%d" $name (max 0 (sub (int .Values.nodes.replicas) 1)) -}}
{{- if or (gt (len $longest) 32) (gt (len (printf "%s-elector" $name)) 32) -}}
  {{- fail (printf "the name %q is too long: node ids are pod names, such as %q, and have at most 32 characters, as has %q. Set fullnameOverride to a shorter one" $name $longest (printf "%s-elector" $name)) -}}
{{- end -}}
{{- $name -}}
{{- end -}}

{{- define "netsy.electorID" -}}
{{ include "netsy.fullname" . }}-elector
{{- end -}}

{{- define "netsy.nodesService" -}}
{{ include "netsy.fullname" . }}-nodes
{{- end -}}

{{/* The domain under which each node has its name. */}}
{{- define "netsy.nodesDomain" -}}
{{ include "netsy.nodesService" . }}.{{ .Release.Namespace }}.svc.{{ .Values.clusterDomain }}
{{- end -}}

{{- define "netsy.selector" -}}
app.kubernetes.io/name: {{ default .Chart.Name .Values.nameOverride }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "netsy.labels" -}}
{{ include "netsy.selector" . }}
app.kubernetes.io/version: {{ default .Chart.AppVersion .Values.image.tag | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end -}}

{{/* Whether a workload's service account is the chart's to make: "true", or nothing. */}}
{{- define "netsy.serviceAccountCreate" -}}
{{- if dig "create" .root.Values.serviceAccount.create .values.serviceAccount -}}true{{- end -}}
{{- end -}}

{{/* The service account of a workload: its own name, the name for all, one made of the release's name, or "default". */}}
{{- define "netsy.serviceAccount" -}}
{{- $made := ternary (printf "%s-%s" (include "netsy.fullname" .root) .component) "default" (eq (include "netsy.serviceAccountCreate" .) "true") -}}
{{ coalesce .values.serviceAccount.name .root.Values.serviceAccount.name $made }}
{{- end -}}

{{- define "netsy.image" -}}
{{- if .Values.image.digest -}}
{{ .Values.image.repository }}@{{ .Values.image.digest }}
{{- else -}}
{{ .Values.image.repository }}:{{ default .Chart.AppVersion .Values.image.tag }}
{{- end -}}
{{- end -}}

{{- define "netsy.clusterFile" -}}
{{ toPrettyJson .Values.cluster }}
{{- end -}}

{{/* Pods begin anew when the cluster file changes. */}}
{{- define "netsy.podAnnotations" -}}
checksum/cluster-file: {{ include "netsy.clusterFile" .root | sha256sum }}
{{- with .values.podAnnotations }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* The part of a pod's spec that is the same for all: who it is and what it may do. */}}
{{- define "netsy.podSpec" -}}
serviceAccountName: {{ include "netsy.serviceAccount" . }}
automountServiceAccountToken: false # Netsy doesn't talk to Kubernetes
enableServiceLinks: false
securityContext:
  runAsNonRoot: true
  runAsUser: 65532
  runAsGroup: 65532
  fsGroup: 65532
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile: {type: RuntimeDefault}
{{- with .root.Values.image.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
{{- with .values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with .values.nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .values.tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- $affinity := dict -}}
{{- $labels := merge (dict "app.kubernetes.io/component" .component) (include "netsy.selector" .root | fromYaml) -}}
{{- if eq (default "off" .values.antiAffinity) "hard" -}}
  {{- $affinity = dict "podAntiAffinity" (dict "requiredDuringSchedulingIgnoredDuringExecution" (list (dict "topologyKey" "kubernetes.io/hostname" "labelSelector" (dict "matchLabels" $labels)))) -}}
{{- else if eq (default "off" .values.antiAffinity) "soft" -}}
  {{- $affinity = dict "podAntiAffinity" (dict "preferredDuringSchedulingIgnoredDuringExecution" (list (dict "weight" 100 "podAffinityTerm" (dict "topologyKey" "kubernetes.io/hostname" "labelSelector" (dict "matchLabels" $labels))))) -}}
{{- end -}}
{{- with mergeOverwrite $affinity (deepCopy (default dict .values.affinity)) }}
affinity: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .values.topologyKey }}
topologySpreadConstraints:
  - topologyKey: {{ . }}
    maxSkew: 1
    whenUnsatisfiable: {{ $.values.topologyWhenUnsatisfiable }}
    labelSelector:
      matchLabels: {{- toYaml $labels | nindent 8 }}
{{- end }}
{{- end -}}

{{- define "netsy.container" -}}
image: {{ include "netsy.image" . }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
securityContext:
  allowPrivilegeEscalation: false
  privileged: false
  readOnlyRootFilesystem: true
  runAsNonRoot: true
  capabilities: {drop: [ALL]}
  seccompProfile: {type: RuntimeDefault}
{{- end -}}

{{/* Environment of every program. */}}
{{- define "netsy.env" -}}
- name: NETSY_CONFIG
  value: /etc/netsy/cluster.jsonc
- name: NETSY_LOG_LEVEL
  value: {{ .root.Values.log.level }}
- name: NETSY_LOG_FORMAT
  value: {{ .root.Values.log.format }}
{{- with .root.Values.credentials.s3Secret }}
{{- range list "AWS_ACCESS_KEY_ID" "AWS_SECRET_ACCESS_KEY" "AWS_SESSION_TOKEN" }}
- name: {{ . }}
  valueFrom:
    secretKeyRef:
      name: {{ $.root.Values.credentials.s3Secret }}
      key: {{ . }}
      optional: {{ eq . "AWS_SESSION_TOKEN" }}
{{- end }}
{{- end }}
{{- if .root.Values.credentials.gcsSecret }}
- name: GOOGLE_APPLICATION_CREDENTIALS
  value: /etc/netsy/gcs/key.json
{{- end }}
{{- with .values.extraEnv }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "netsy.mounts" -}}
- name: cluster-file
  mountPath: /etc/netsy/cluster.jsonc
  subPath: cluster.jsonc
  readOnly: true
{{- if .root.Values.credentials.gcsSecret }}
- name: gcs
  mountPath: /etc/netsy/gcs
  readOnly: true
{{- end }}
{{- with .values.extraVolumeMounts }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "netsy.volumes" -}}
- name: cluster-file
  configMap:
    name: {{ include "netsy.fullname" .root }}
{{- with .root.Values.credentials.gcsSecret }}
- name: gcs
  secret:
    secretName: {{ . }}
    defaultMode: 0440
{{- end }}
{{- with .values.extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/*
The certificate's volume. With a Secret the whole directory is mounted, never a subPath: only so does
a change reach the running process.
*/}}
{{- define "netsy.tlsVolume" -}}
{{- if eq .root.Values.tls.source "certManagerCSI" -}}
{{- $t := .root.Values.tls.certManagerCSI -}}
- name: tls
  csi:
    driver: csi.cert-manager.io
    readOnly: true
    volumeAttributes:
      csi.cert-manager.io/issuer-name: {{ $t.issuerName | quote }}
      csi.cert-manager.io/issuer-kind: {{ $t.issuerKind | quote }}
      csi.cert-manager.io/issuer-group: {{ $t.issuerGroup | quote }}
      csi.cert-manager.io/uri-sans: {{ printf "netsy://%s/%s/%s" .root.Values.cluster.cluster_id .role .identity | quote }}
      csi.cert-manager.io/dns-names: {{ .dnsNames | quote }}
      csi.cert-manager.io/key-usages: "digital signature,server auth,client auth"
      csi.cert-manager.io/duration: {{ $t.duration | quote }}
      csi.cert-manager.io/renew-before: {{ $t.renewBefore | quote }}
      csi.cert-manager.io/fs-group: "65532"
{{- else -}}
- name: tls
  secret:
    secretName: {{ .secret }}
    defaultMode: 0440
{{- end -}}
{{- end -}}

{{/* startup: until the registration is written, which waits for object storage, nothing answers. */}}
{{- define "netsy.probes" -}}
startupProbe:
  httpGet: {path: /healthz, port: health}
  periodSeconds: 5
  timeoutSeconds: 3
  failureThreshold: 60
livenessProbe:
  httpGet: {path: /healthz, port: health}
  periodSeconds: 10
  timeoutSeconds: 5
  failureThreshold: 6
readinessProbe:
  httpGet: {path: /readyz, port: health}
  periodSeconds: 5
  timeoutSeconds: 3
  failureThreshold: 2
{{- end -}}
