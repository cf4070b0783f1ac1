{{/* What the names of the objects of this release begin with. */}}
{{- define "frontrow.fullname" -}}
{{- if contains .Chart.Name .Release.Name -}}
{{- .Release.Name | trunc 50 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name .Chart.Name | trunc 50 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "frontrow.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "frontrow.labels" -}}
{{ include "frontrow.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end -}}

{{- define "frontrow.serviceAccount" -}}
{{- if .Values.serviceAccount.create -}}
{{- .Values.serviceAccount.name | default (include "frontrow.fullname" .) -}}
{{- else -}}
{{- .Values.serviceAccount.name | default "default" -}}
{{- end -}}
{{- end -}}

{{- define "frontrow.image" -}}
{{- if .Values.image.digest -}}
{{ .Values.image.repository }}@{{ .Values.image.digest }}
{{- else -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end -}}
{{- end -}}

{{/* What every pod has: user, file systems. */}}
{{- define "frontrow.pod" -}}
{{- /* Nothing of the site asks Kubernetes anything. */ -}}
automountServiceAccountToken: false
enableServiceLinks: false
{{- with .Values.imagePullSecrets }}
imagePullSecrets: {{- toYaml . | nindent 2 }}
{{- end }}
securityContext:
  runAsNonRoot: true
  runAsUser: 10001
  runAsGroup: 10001
  fsGroup: 10001
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile: {type: RuntimeDefault}
volumes:
  - name: tmp
    emptyDir: {sizeLimit: 512Mi}
  - name: posters
    {{- if .Values.posters.existingClaim }}
    persistentVolumeClaim: {claimName: {{ .Values.posters.existingClaim }}}
    {{- else }}
    emptyDir: {sizeLimit: 1Gi}
    {{- end }}
  - name: secrets
    secret:
      secretName: {{ .Values.existingSecret }}
      defaultMode: 0440
      items:
        {{- range .Values.secretKeys }}
        - {key: {{ . }}, path: {{ . }}}
        {{- end }}
{{- end -}}

{{/* What the site is told; secrets by the names of their files. */}}
{{- define "frontrow.settings" -}}
MODE: production
{{- if .Values.metrics.enabled }}
METRICS_ADDRESS: "0.0.0.0:{{ .Values.metrics.port }}"
{{- end }}
{{- range .Values.secretKeys }}
{{ . }}_FILE: /run/secrets/frontrow/{{ . }}
{{- end }}
{{- range $name, $value := .Values.settings }}
{{- if has $name $.Values.secretKeys }}
{{- fail (printf "%s is both in settings and in secretKeys: take it out of one" $name) }}
{{- end }}
{{ $name }}: {{ $value | toString | quote }}
{{- end }}
{{- end -}}

{{/* What every container has: (list . "the name of its ConfigMap") */}}
{{- define "frontrow.container" -}}
{{- $config := index . 1 }}
{{- with index . 0 -}}
image: {{ include "frontrow.image" . | quote }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: {drop: [ALL]}
envFrom:
  - configMapRef: {name: {{ $config }}}
volumeMounts:
  - {name: tmp, mountPath: /tmp}
  - {name: posters, mountPath: /data}
  - {name: secrets, mountPath: /run/secrets/frontrow, readOnly: true}
{{- end -}}
{{- end -}}

{{/* What tells Prometheus what the pod has counted: the pod's second container. */}}
{{- define "frontrow.metrics" -}}
{{- if .Values.metrics.enabled }}
- name: metrics
  {{- include "frontrow.container" (list . (include "frontrow.fullname" .)) | nindent 2 }}
  args: [metrics]
  ports:
    - {name: metrics, containerPort: {{ .Values.metrics.port }}}
  livenessProbe:
    httpGet: {path: /healthz, port: metrics}
    periodSeconds: 30
    timeoutSeconds: 5
    failureThreshold: 3
  resources: {{- toYaml .Values.metrics.resources | nindent 4 }}
{{- end }}
{{- end -}}

{{/* The pods of a long-running part, up to their containers: (dict "root" . "name" "web" "part" .Values.web) */}}
{{- define "frontrow.podTemplate" -}}
metadata:
  labels:
    {{- include "frontrow.labels" .root | nindent 4 }}
    app.kubernetes.io/component: {{ .name }}
  annotations:
    checksum/config: {{ include (print .root.Template.BasePath "/config.yaml") .root | sha256sum }}
    {{- with .part.podAnnotations }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
spec:
  serviceAccountName: {{ include "frontrow.serviceAccount" .root }}
  {{- include "frontrow.pod" .root | nindent 2 }}
  # What is in hand is finished.
  terminationGracePeriodSeconds: {{ .part.terminationGracePeriodSeconds }}
  {{- with .part.nodeSelector }}
  nodeSelector: {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .part.tolerations }}
  tolerations: {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .part.affinity }}
  affinity: {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- if .root.Values.topologySpread.enabled }}
  topologySpreadConstraints:
    - maxSkew: 1
      topologyKey: {{ .root.Values.topologySpread.topologyKey }}
      whenUnsatisfiable: ScheduleAnyway
      labelSelector:
        matchLabels:
          {{- include "frontrow.selector" .root | nindent 10 }}
          app.kubernetes.io/component: {{ .name }}
  {{- end }}
{{- end -}}
