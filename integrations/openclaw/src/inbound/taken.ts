import { constants } from "node:fs";
import { type FileHandle, mkdir, open, readFile, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";

/** More than the gateway can have between adoption and ack: the monitor holds back further events long before. */
const MAX_ENTRIES = 2_000;

/**
 * The events that the gateway has taken over and the agent may still repeat: after a crash between the two, the event
 * arrives again, and is not answered a second time.
 *
 * A file with one JSON string a line, only ever appended to and fsynced. A line that was cut off by a crash was not yet
 * promised to anyone, so it is skipped.
 */
export class TakenEvents {
  readonly #path: string;
  readonly #keys: Set<string>;
  #file: FileHandle | undefined;
  #lines: number;
  #tail: Promise<void> = Promise.resolve();

  private constructor(path: string, keys: Set<string>, lines: number) {
    this.#path = path;
    this.#keys = keys;
    this.#lines = lines;
  }

  /** Reads the file, which need not exist. Unreadable lines are counted in `damaged`. */
  static async load(path: string): Promise<{ taken: TakenEvents; damaged: number }> {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    const { keys, damaged } = parse(await readIfExists(path));
    const taken = new TakenEvents(path, new Set(keys.slice(-MAX_ENTRIES)), keys.length);
    // Also ends a line that was cut off, to which the next entry would be appended.
    if (damaged > 0 || keys.length > MAX_ENTRIES) await taken.#rewrite();
    return { taken, damaged };
  }

  has(key: string): boolean {
    return this.#keys.has(key);
  }

  /** Resolves once the entries are durable. */
  add(...keys: string[]): Promise<void> {
    const write = this.#tail.then(() => this.#append(keys));
    this.#tail = write.catch(() => {});
    return write;
  }

  async close(): Promise<void> {
    await this.#tail;
    await this.#file?.close();
    this.#file = undefined;
  }

  async #append(keys: string[]): Promise<void> {
    const fresh = keys.filter((key) => !this.#keys.has(key));
    if (fresh.length === 0) return;
    this.#file ??= await openDurably(this.#path);
    await this.#file.appendFile(fresh.map((key) => `${JSON.stringify(key)}\n`).join(""));
    await this.#file.datasync();
    for (const key of fresh) this.#remember(key);
    this.#lines += fresh.length;
    if (this.#lines > 2 * MAX_ENTRIES) await this.#rewrite();
  }

  #remember(key: string): void {
    this.#keys.add(key);
    if (this.#keys.size <= MAX_ENTRIES) return;
    const oldest = this.#keys.values().next();
    if (!oldest.done) this.#keys.delete(oldest.value);
  }

  /** Replaces the file by one with only the entries that count. A crash leaves the old file or the new one. */
  async #rewrite(): Promise<void> {
    await this.#file?.close();
    this.#file = undefined;
    const draft = `${this.#path}.new`;
    await rm(draft, { force: true });
    const file = await open(draft, "wx", 0o600);
    try {
      await file.writeFile([...this.#keys].map((key) => `${JSON.stringify(key)}\n`).join(""));
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(draft, this.#path);
    await syncDir(dirname(this.#path));
    this.#lines = this.#keys.size;
  }
}

function parse(text: string): { keys: string[]; damaged: number } {
  const keys: string[] = [];
  let damaged = 0;
  const lines = text.split("\n");
  const last = lines.pop();
  for (const line of lines) {
    const key = parseLine(line);
    if (key === undefined) damaged += 1;
    else keys.push(key);
  }
  if (last) damaged += 1;
  return { keys, damaged };
}

function parseLine(line: string): string | undefined {
  try {
    const key: unknown = JSON.parse(line);
    return typeof key === "string" && key ? key : undefined;
  } catch {
    return undefined;
  }
}

async function readIfExists(path: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return "";
    throw error;
  }
}

/** Opens for appending. The folder is synced too: a new file is not durable before its name is. */
async function openDurably(path: string): Promise<FileHandle> {
  const file = await open(path, constants.O_APPEND | constants.O_CREAT | constants.O_WRONLY, 0o600);
  await syncDir(dirname(path));
  return file;
}

async function syncDir(path: string): Promise<void> {
  // Windows cannot open a folder; its file system journals names by itself.
  if (process.platform === "win32") return;
  const dir = await open(path, constants.O_RDONLY);
  try {
    await dir.sync();
  } finally {
    await dir.close();
  }
}
