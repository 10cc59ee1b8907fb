import { chmodSync, rmSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { isAbsolute } from 'node:path';
import { parseArgs } from 'node:util';
import { loadConfig } from '@postern/shared/runtime/config.ts';
import type { ProgramEnd } from './exit-status.ts';
import { type HelperConfig, helperConfigSchema } from './helper-config.ts';
import { MAX_HEAD_BYTES, type ProgramRequest, requestSchema } from './request.ts';
import { runProgram } from './run-program.ts';

/**
 * The privileged helper of local delivery: `node store/delivery/local-program/helper.ts --config FILE [--check-config]`. It listens on a Unix socket, speaks to
 * the store alone, and runs one program, that of its own settings, as the users it is asked for. It reads no mail but what is handed to it.
 */

/** A message that does not come in within this time is given up. */
const REQUEST_TIMEOUT_MS = 30_000;

function main(): void {
  const { values } = parseArgs({
    options: { config: { type: 'string' }, 'check-config': { type: 'boolean', default: false } },
  });
  const read = readConfig(values.config);
  if ('errors' in read) {
    process.stderr.write(read.errors.map((line) => `${line}\n`).join(''));
    process.exitCode = 2;
  } else if (values['check-config']) console.log(`${values.config}: ok`);
  else listen(read.config);
}

function readConfig(
  path: string | undefined,
): { readonly config: HelperConfig } | { readonly errors: readonly string[] } {
  if (path === undefined) return { errors: ['usage: helper.ts --config FILE [--check-config]'] };
  const loaded = loadConfig(helperConfigSchema, path);
  if (!loaded.ok) return { errors: loaded.errors };
  if (!isAbsolute(loaded.config.program[0] ?? '')) return { errors: ['program: must begin with an absolute path'] };
  return { config: loaded.config };
}

function listen(config: HelperConfig): void {
  process.umask(0o077);
  // One that was left by a helper that was killed.
  rmSync(config.socket, { force: true });
  const turns = new Turns(config.maxRunning);
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    void answer(config, turns, socket);
  });
  server.listen(config.socket, () => {
    // For its group as well: the store's.
    chmodSync(config.socket, 0o660);
    process.send?.({ ready: true });
  });
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.once(signal, () => {
      server.close(() => process.exit(0));
    });
  }
}

async function answer(config: HelperConfig, turns: Turns, socket: Socket): Promise<void> {
  // Whoever asked has gone: the program's end is nobody's business then.
  socket.on('error', () => socket.destroy());
  const end = await serve(config, turns, socket);
  console.log(JSON.stringify({ event: 'local-program', ...end }));
  socket.end(`${JSON.stringify(end)}\n`);
}

async function serve(config: HelperConfig, turns: Turns, socket: Socket): Promise<ProgramEnd> {
  const read = await readRequest(config, socket);
  if (typeof read === 'string') return { kind: 'not-run', cause: read };
  const { request, message } = read;
  if (request.uid < config.minUid || request.gid < config.minUid) {
    return { kind: 'not-run', cause: `uid ${request.uid} or gid ${request.gid} is below minUid` };
  }
  return turns.take(() => runProgram(config, request, message));
}

/** The request and its message; or why there is none. */
async function readRequest(
  config: HelperConfig,
  socket: Socket,
): Promise<{ readonly request: ProgramRequest; readonly message: Buffer } | string> {
  const timer = setTimeout(() => socket.destroy(), REQUEST_TIMEOUT_MS);
  const chunks: Buffer[] = [];
  let bytes = 0;
  let head: { readonly request: ProgramRequest; readonly bytes: number } | undefined;
  try {
    for await (const chunk of socket.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
      chunks.push(chunk);
      bytes += chunk.length;
      if (head === undefined) {
        const all = Buffer.concat(chunks);
        const end = all.indexOf('\n');
        if (end < 0 && bytes > MAX_HEAD_BYTES) return 'the request is too long';
        if (end < 0) continue;
        const parsed = requestSchema.safeParse(JSON.parse(all.toString('utf8', 0, end)));
        if (!parsed.success) return 'the request is malformed';
        if (parsed.data.messageBytes > config.maxMessageBytes) return 'the message is too large';
        head = { request: parsed.data, bytes: end + 1 };
      }
      if (bytes >= head.bytes + head.request.messageBytes) {
        const message = Buffer.concat(chunks).subarray(head.bytes, head.bytes + head.request.messageBytes);
        return { request: head.request, message };
      }
    }
    return 'the request is cut off';
  } catch (error) {
    return `the request cannot be read: ${(error as Error).message}`;
  } finally {
    clearTimeout(timer);
  }
}

/** Lets so many run at a time, in the order in which they came. */
class Turns {
  #free: number;
  readonly #waiting: (() => void)[] = [];

  constructor(max: number) {
    this.#free = max;
  }

  async take<T>(work: () => Promise<T>): Promise<T> {
    if (this.#free > 0) this.#free -= 1;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
    try {
      return await work();
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#free += 1;
      else next();
    }
  }
}

main();
