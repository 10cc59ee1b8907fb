import { spawn, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

/** One system call. `begin` and `end` are places in the order of the whole trace: another thread's calls may lie between. */
export interface SystemCall {
  readonly name: string;
  readonly begin: number;
  readonly end: number;
  /** Path or peer of the file descriptor in the first argument; of the returned one for openat. */
  readonly target: string;
  /** Quoted arguments, octet for octet: paths, written data. */
  readonly strings: readonly Buffer[];
  readonly args: string;
  /** What it returned; -1 for an error. */
  readonly result: number;
}

/** A tracer at work. */
export interface Strace {
  /** Detaches; the traced process goes on. Resolves with the calls seen. */
  stop(): Promise<SystemCall[]>;
}

const WRITES_AND_SYNCS =
  'openat,write,writev,pwrite64,fsync,fdatasync,rename,renameat,renameat2,unlink,unlinkat,ftruncate';

/** Undefined where processes may be traced, else the reason why not. */
export function whyNoStrace(): string | undefined {
  const { error, status, stderr } = spawnSync('strace', ['-o', '/dev/null', 'true'], { encoding: 'utf8' });
  if (error !== undefined) return error.message;
  return status === 0 ? undefined : stderr.trim();
}

/**
 * Attaches strace to a process and all its threads.
 *
 * @param inject faults, as strace's `-e inject=` has them: `fsync:error=EIO:when=3`
 */
export async function traceProcess(pid: number, output: string, inject?: string): Promise<Strace> {
  const options = ['-f', '-yy', '-xx', '-s', '10000000', '-e', `trace=${WRITES_AND_SYNCS}`, '-o', output];
  const faults = inject === undefined ? [] : ['-e', `inject=${inject}`];
  const child = spawn('strace', [...options, ...faults, '-p', String(pid)], { stdio: ['ignore', 'ignore', 'pipe'] });
  const gone = new Promise<void>((done) => child.once('close', () => done()));
  await new Promise<void>((done, fail) => {
    let said = '';
    child.stderr.on('data', (chunk: Buffer) => {
      said += chunk.toString();
      if (/Process \d+ attached/.test(said)) done();
    });
    child.once('close', () => fail(new Error(`strace ended: ${said}`)));
  });
  return {
    async stop() {
      child.kill('SIGTERM');
      await gone;
      return parseStrace(readFileSync(output, 'latin1'));
    },
  };
}

/** Reads what strace wrote with `-f -yy -xx`, calls that were interrupted by other threads joined again. */
export function parseStrace(text: string): SystemCall[] {
  const open = new Map<string, { begin: number; text: string }>();
  const calls: SystemCall[] = [];
  for (const [place, line] of text.split('\n').entries()) {
    const match = /^(\d+) +(.*)$/.exec(line);
    if (match === null) continue;
    const [, pid = '', rest = ''] = match;
    const unfinished = /^(\w+\(.*?),? *<unfinished \.\.\.>$/.exec(rest);
    if (unfinished !== null) {
      open.set(pid, { begin: place, text: unfinished[1] ?? '' });
      continue;
    }
    const resumed = /^<\.\.\. \w+ resumed>(.*)$/.exec(rest);
    const started = resumed === null ? undefined : open.get(pid);
    if (resumed !== null && started === undefined) continue;
    open.delete(pid);
    const call = parseCall(
      started === undefined ? rest : started.text + (resumed?.[1] ?? ''),
      started?.begin ?? place,
      place,
    );
    if (call !== undefined) calls.push(call);
  }
  return calls.sort((a, b) => a.end - b.end);
}

function parseCall(text: string, begin: number, end: number): SystemCall | undefined {
  const match = /^(\w+)\((.*)\) += (-?\d+)(?:<(.*?)>)?(?: .*)?$/.exec(text);
  if (match === null) return undefined;
  const [, name = '', args = '', result = '', returned] = match;
  const first = /^\d+<(.*?)>(?:,|$)/.exec(args)?.[1];
  const strings = Array.from(args.matchAll(/"((?:\\x[0-9a-f]{2})*)"/g), (found) => unhex(found[1] ?? ''));
  const target = unhex((name === 'openat' ? returned : first) ?? '').toString('latin1');
  return { name, begin, end, target, strings, args, result: Number(result) };
}

function unhex(text: string): Buffer {
  return text.includes('\\x') ? Buffer.from(text.replaceAll('\\x', ''), 'hex') : Buffer.from(text, 'latin1');
}
