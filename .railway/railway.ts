// The service on Railway: its image, its volume, its TCP proxy, its variables. `railway config plan` shows what it would
// change, `railway config apply` does it (docs/deploy/railway.md). What this file does not name, `apply` deletes.
import { defineRailway, preserve, project, service, volume, type SourceConfig } from "railway/iac";

// What differs between projects. Edit it until the plan ends in "0 to destroy".
/** The size of the volume. Railway only ever enlarges one. */
const volumeMB = 500;
/** Where the service and its volume are, e.g. "europe-west4-drams3a"; undefined for the workspace's default. */
const region: string | undefined = undefined;
/** `github("you/openclaw-agent")` if Railway builds from a repository; undefined for `railway up`. */
const source: SourceConfig | undefined = undefined;

/** Variables that keep the value they have on the service, if any: every setting of the agent (docs/settings.md). */
const kept = [
  "OPENCLAW_ALERT_AFTER",
  "OPENCLAW_ALERT_FORMAT",
  "OPENCLAW_ALERT_SECRET",
  "OPENCLAW_ALERT_SECRET_FILE",
  "OPENCLAW_ALERT_URL",
  "OPENCLAW_AUTH_DIR",
  // Set once, sealed, in the dashboard: what `openclaw-agent keys generate` prints.
  "OPENCLAW_AUTH_KEY",
  "OPENCLAW_AUTH_KEY_FILE",
  "OPENCLAW_AUTH_PASSPHRASE",
  "OPENCLAW_AUTH_PASSPHRASE_FILE",
  "OPENCLAW_CA_FILE",
  "OPENCLAW_CLIENT_KEYS",
  "OPENCLAW_CONFIG",
  "OPENCLAW_DEVICE_NAME",
  "OPENCLAW_DEVICE_PLATFORM",
  "OPENCLAW_ENROLL_CODE",
  "OPENCLAW_HOLD_LIMIT",
  "OPENCLAW_HTTP",
  "OPENCLAW_JOURNAL_DAYS",
  "OPENCLAW_JOURNAL_SIZE",
  "OPENCLAW_KEEPALIVE_LIMIT",
  "OPENCLAW_LISTEN",
  "OPENCLAW_LISTEN_PLAINTEXT",
  "OPENCLAW_LOCK_WAIT",
  "OPENCLAW_LOG",
  "OPENCLAW_METRICS",
  "OPENCLAW_NAME",
  "OPENCLAW_PROXY",
  "OPENCLAW_READY_AFTER",
  "OPENCLAW_RUN_AS",
  "OPENCLAW_SEND_BURST",
  "OPENCLAW_SEND_QUEUE",
  "OPENCLAW_SEND_RATE",
  "OPENCLAW_SOCKET",
  // The allowlist: "+15550100002,+15550100003".
  "WHATSAPP_ALLOW",
  // Of the way to WhatsApp and to the alerts' receiver.
  "ALL_PROXY",
  "HTTPS_PROXY",
  "HTTP_PROXY",
  "NO_PROXY",
];

const authDir = "/app/auth";

export default defineRailway(() => {
  // Its name is that of step 2: under another name, `apply` would mount a new, empty volume.
  const auth = volume("auth", { sizeMB: volumeMB, region });

  const agent = service("openclaw-agent", {
    source,
    build: { builder: "DOCKERFILE", dockerfilePath: "Dockerfile.distroless" },
    // Asked once, at a deployment: 200 as soon as the store is open, linked or not.
    healthcheck: "/health",
    healthcheckTimeout: 120,
    replicas: region ? { [region]: 1 } : undefined,
    deploy: {
      // An agent exits with 0 only when it was asked to stop. Free and trial plans: "ON_FAILURE".
      restartPolicyType: "ALWAYS",
      // From SIGTERM to SIGKILL; the default is 0.
      drainingSeconds: 30,
      // A volume is never mounted twice.
      overlapSeconds: 0,
      requiredMountPath: authDir,
      // A connection to WhatsApp is never idle.
      sleepApplication: false,
    },
    // gRPC, and TLS of the agent's own to its very end: Railway's HTTP domains speak HTTP/1.1 to the container.
    tcp: [50051],
    volumeMounts: { [authDir]: auth },
    env: {
      ...Object.fromEntries(kept.map((name) => [name, preserve()])),
      PORT: "8080",
      // Railway mounts the volume as root's: the agent starts as root, takes it over, and becomes user 65532 for good.
      RAILWAY_RUN_UID: "0",
      // These count without this file too.
      RAILWAY_DOCKERFILE_PATH: "Dockerfile.distroless",
      RAILWAY_DEPLOYMENT_DRAINING_SECONDS: "30",
      RAILWAY_DEPLOYMENT_OVERLAP_SECONDS: "0",
      RAILWAY_HEALTHCHECK_TIMEOUT_SEC: "120",
    },
  });

  return project("openclaw", { resources: [agent, auth] });
});
