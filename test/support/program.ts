import { spawn } from 'node:child_process';

/** What a foreign program said and how it ended; `status` is -1 when a signal or the deadline ended it. */
export interface ProgramResult {
  readonly status: number;
  readonly stdout: Buffer;
  /** Standard output and standard error as they came, latin1. */
  readonly output: string;
}

export interface ProgramOptions {
  readonly input?: string | Buffer | undefined;
  readonly env?: Readonly<Record<string, string>> | undefined;
  readonly cwd?: string | undefined;
  readonly deadlineMs?: number | undefined;
  /** Called with all it wrote to standard output so far, each time there is more. */
  readonly onOutput?: ((soFar: string) => void) | undefined;
}

/** Runs a program to its end. Never rejects for how it ended: tests look at the result. */
export function runProgram(
  program: string,
  args: readonly string[],
  options: ProgramOptions = {},
): Promise<ProgramResult> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      stdio: ['pipe', 'pipe', 'pipe'],
      env: { ...process.env, ...options.env },
      cwd: options.cwd,
      timeout: options.deadlineMs ?? 60_000,
      killSignal: 'SIGKILL',
    });
    const out: Buffer[] = [];
    let output = '';
    child.stdout.on('data', (chunk: Buffer) => {
      out.push(chunk);
      output += chunk.toString('latin1');
      options.onOutput?.(output);
    });
    child.stderr.on('data', (chunk: Buffer) => {
      output += chunk.toString('latin1');
    });
    // A program may end without reading what it is given.
    child.stdin.on('error', () => undefined);
    child.stdin.end(options.input ?? '');
    child.once('error', reject);
    child.once('close', (code) => resolve({ status: code ?? -1, stdout: Buffer.concat(out), output }));
  });
}

/** Runs a program that must end well; throws with all it said when it does not. */
export async function mustRun(program: string, args: readonly string[], options?: ProgramOptions): Promise<string> {
  const result = await runProgram(program, args, options);
  if (result.status !== 0) throw new Error(`${program} ended with ${result.status}: ${result.output.slice(-4_000)}`);
  return result.stdout.toString();
}
