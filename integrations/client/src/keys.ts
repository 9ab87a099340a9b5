import { createPrivateKey, X509Certificate } from "node:crypto";
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { Code } from "@connectrpc/connect";
import { AgentError } from "./error.js";

/** PEM, as text or as the bytes of a file. */
export type Pem = string | Uint8Array;

/** The keys for mutual TLS: the agent's certificate, and the client's certificate with its key. */
export interface Keys {
  ca: Pem;
  cert: Pem;
  key: Pem;
}

/** The names that `openclawctl context export --pem DIR` gives the files. */
const FILES = { ca: "agent.pem", cert: "client.pem", key: "client-key.pem" } as const;
const EXPORT = "write the three files again: `openclawctl context export --pem DIR --force`";

/** Reads and checks the keys in a folder that `openclawctl context export --pem DIR` wrote, or in three files of any name. */
export async function loadKeys(from: string | { ca: string; cert: string; key: string }): Promise<Keys> {
  const paths = typeof from === "string" ? inFolder(from) : from;
  // In order, so that of several missing files the first is named.
  const keys = { ca: await load(paths.ca), cert: await load(paths.cert), key: await load(paths.key) };
  return checkKeys(keys, paths);
}

function inFolder(dir: string): Record<keyof Keys, string> {
  return { ca: join(dir, FILES.ca), cert: join(dir, FILES.cert), key: join(dir, FILES.key) };
}

async function load(path: string): Promise<Buffer> {
  try {
    return await readFile(path);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    const hint =
      code === "ENOENT"
        ? "write the files with `openclawctl context export --pem DIR`"
        : "check that this user may read the file";
    throw noKeys("NO_KEYS", `cannot read ${path}${code ? ` (${code})` : ""}`, hint);
  }
}

/** Returns the keys in the types that Node takes. Fails if one is not PEM, or if certificate and key are of two pairs. */
export function checkKeys(
  keys: Keys,
  names: Record<keyof Keys, string> = FILES,
): { ca: string; cert: string; key: string } {
  const ca = text(keys.ca, names.ca);
  const cert = text(keys.cert, names.cert);
  const key = text(keys.key, names.key);
  parsed(names.ca, "the agent's certificate", () => new X509Certificate(ca));
  const own = parsed(names.cert, "a certificate", () => new X509Certificate(cert));
  const secret = parsed(names.key, "a private key", () => createPrivateKey(key));
  if (!own.checkPrivateKey(secret)) {
    throw noKeys("BAD_KEYS", `${names.key} is not the key of the certificate in ${names.cert}`, EXPORT);
  }
  return { ca, cert, key };
}

function text(pem: Pem | undefined, name: string): string {
  if (pem === undefined || pem.length === 0) {
    throw noKeys("NO_KEYS", `${name} is missing or empty`, "pass { ca, cert, key }, for example of loadKeys(DIR)");
  }
  return typeof pem === "string" ? pem : Buffer.from(pem).toString("utf8");
}

/** The cause of a failure is left out: it may quote the key. */
function parsed<T>(name: string, what: string, parse: () => T): T {
  try {
    return parse();
  } catch {
    throw noKeys("BAD_KEYS", `${name} is not ${what} in PEM`, EXPORT);
  }
}

function noKeys(reason: string, message: string, hint: string): AgentError {
  return new AgentError({ code: Code.InvalidArgument, reason, message, hint });
}

/** The socket of an agent on this machine: OPENCLAW_SOCKET, else the agent's default (docs/settings.md of the agent). */
export function defaultSocket(env: NodeJS.ProcessEnv = process.env): string {
  if (env.OPENCLAW_SOCKET) return env.OPENCLAW_SOCKET;
  const system = "/run/openclaw/agent.sock";
  const runtime = env.XDG_RUNTIME_DIR;
  if (!runtime) return system;
  const own = join(runtime, "openclaw", "agent.sock");
  return !existsSync(own) && existsSync(system) ? system : own;
}
