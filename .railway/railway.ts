// The whole deployment on Railway: the image, its volume, its TCP proxy, its variables. `railway config plan` shows what it
// would change, `railway config apply` does it (docs/deploy/railway.md).
import { defineRailway, preserve, project, service, volume } from "railway/iac";

const authDir = "/app/auth";

export default defineRailway(() => {
  // Railway only ever enlarges one.
  const auth = volume("auth", { sizeMB: 512 });

  const agent = service("openclaw-agent", {
    build: { builder: "DOCKERFILE", dockerfilePath: "Dockerfile.distroless" },
    // Asked once, at a deployment: 200 as soon as the store is open, linked or not.
    healthcheck: "/health",
    healthcheckTimeout: 120,
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
      PORT: "8080",
      // Railway mounts the volume as root's: the agent starts as root, takes it over, and becomes user 65532 for good.
      RAILWAY_RUN_UID: "0",
      // These two count whatever happens to this file.
      RAILWAY_DOCKERFILE_PATH: "Dockerfile.distroless",
      RAILWAY_DEPLOYMENT_DRAINING_SECONDS: "30",
      // Set once, sealed, in the dashboard: what `openclaw-agent keys generate` prints.
      OPENCLAW_AUTH_KEY: preserve(),
      // Whose messages are heard: "+15550100002,+15550100003".
      WHATSAPP_ALLOW: preserve(),
    },
  });

  return project("openclaw", { resources: [agent, auth] });
});
