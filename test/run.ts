import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';

/** One part of the test suite: a command that checks, or a folder of vitest files. */
interface Part {
  readonly name: string;
  readonly command?: readonly string[];
  readonly paths?: readonly string[];
  /** Files that the paths, which match anywhere in a name, would take in by mistake. */
  readonly exclude?: string;
  /** Its files run one after the other: two browsers at a time leave two cores no time for what they look at. */
  readonly oneByOne?: boolean;
  /** Longer than `npm test` may take: runs in `npm run test:full` alone. */
  readonly fullOnly?: boolean;
}

const PARTS: readonly Part[] = [
  { name: 'types', command: ['tsc', '-p', '.'] },
  { name: 'types-console', command: ['tsc', '-p', 'store/console/app'] },
  { name: 'types-webmail', command: ['tsc', '-p', 'gateway/webmail/app'] },
  { name: 'style', command: ['biome', 'check', '--error-on-warnings', '.'] },
  {
    name: 'imports',
    command: [
      'depcruise',
      '--config',
      '.dependency-cruiser.cjs',
      'shared',
      'gateway',
      'store',
      'infra',
      'schema',
      'test',
    ],
  },
  { name: 'docs', command: ['node', 'infra/docs/generate.ts', '--check'] },
  { name: 'unit', paths: ['shared/', 'gateway/', 'store/', 'infra/'], exclude: 'test/**' },
  { name: 'infra', paths: ['test/infra/', 'test/bench/measure/'] },
  { name: 'directory', paths: ['test/directory/'] },
  { name: 'console', paths: ['test/console/'] },
  { name: 'smtp', paths: ['test/smtp/'] },
  { name: 'mailstore', paths: ['test/mailstore/'] },
  { name: 'backup', paths: ['test/backup/'] },
  { name: 'migration', paths: ['test/migration/'] },
  { name: 'hub', paths: ['test/hub/'] },
  { name: 'sieve', paths: ['test/sieve/'] },
  { name: 'dialogue', paths: ['test/dialogue/'] },
  { name: 'journey', paths: ['test/journey/'] },
  { name: 'policy', paths: ['test/policy/'] },
  { name: 'outbound', paths: ['test/outbound/'] },
  { name: 'peers', paths: ['test/peers/'] },
  { name: 'webmail', paths: ['test/webmail/'], exclude: '**/webmail/leaks.test.ts' },
  { name: 'browser', paths: ['test/browser/'], oneByOne: true },
  // It captures a leg of loopback, on which no other stack may speak meanwhile.
  { name: 'webmail-leaks', paths: ['test/webmail/leaks.test.ts'] },
  { name: 'deploy', paths: ['test/deploy/'] },
  { name: 'zones', paths: ['test/zones/'] },
  { name: 'stores', paths: ['test/clusters/'], exclude: '**/clusters/galera.test.ts' },
  { name: 'clusters', paths: ['test/clusters/galera.test.ts'], fullOnly: true },
  { name: 'faults', paths: ['test/faults/'] },
];

interface PartResult {
  readonly name: string;
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
  readonly seconds: number;
  /** What failed: the file, the test, and the first line of the reason. */
  readonly failures: readonly string[];
}

/** `node test/run.ts [--full] [part…]`: runs the parts one after the other, and says how long each took. */
function main(args: readonly string[]): number {
  const full = args.includes('--full');
  const wanted = args.filter((a) => !a.startsWith('--'));
  const parts = PARTS.filter((p) => (wanted.length === 0 ? full || p.fullOnly !== true : wanted.includes(p.name)));
  const unknown = wanted.filter((w) => !PARTS.some((p) => p.name === w));
  if (unknown.length > 0) {
    console.error(`no such part: ${unknown.join(', ')}; the parts are ${PARTS.map((p) => p.name).join(', ')}`);
    return 2;
  }
  if (full) process.env.POSTERN_TEST_FULL = '1';
  const scratch = join(tmpdir(), `postern-test-${process.pid}`);
  mkdirSync(scratch, { recursive: true });
  const results = parts.map((part) => (part.command ? runCommand(part.name, part.command) : runVitest(part, scratch)));
  rmSync(scratch, { recursive: true, force: true });

  console.log('\npart         passed failed skipped  seconds');
  for (const r of results) {
    console.log(
      `${r.name.padEnd(12)} ${String(r.passed).padStart(6)} ${String(r.failed).padStart(6)} ${String(r.skipped).padStart(7)} ${r.seconds.toFixed(1).padStart(8)}`,
    );
  }
  const sum = (key: 'passed' | 'failed' | 'skipped'): number => results.reduce((n, r) => n + r[key], 0);
  for (const { name, failures } of results) for (const failure of failures) console.log(`failed: ${name}: ${failure}`);
  const skipped = sum('skipped') > 0 ? `, ${sum('skipped')} skipped` : '';
  console.log(`total ${results.reduce((n, r) => n + r.seconds, 0).toFixed(0)} s\n`);
  console.log(`${sum('passed')} passed, ${sum('failed')} failed${skipped}`);
  return sum('failed') > 0 || sum('passed') === 0 ? 1 : 0;
}

function runCommand(name: string, command: readonly string[]): PartResult {
  console.log(`\n── ${name}: ${command.join(' ')}`);
  const start = performance.now();
  const [program, ...rest] = command;
  const { status } = spawnSync(program ?? '', rest, { stdio: ['ignore', 'inherit', 'inherit'] });
  const ok = status === 0;
  const seconds = (performance.now() - start) / 1000;
  const failures = ok ? [] : [command.join(' ')];
  return { name, passed: ok ? 1 : 0, failed: ok ? 0 : 1, skipped: 0, seconds, failures };
}

function runVitest(part: Part, scratch: string): PartResult {
  console.log(`\n── ${part.name}: vitest run ${part.paths?.join(' ')}`);
  const start = performance.now();
  const report = join(scratch, `${part.name}.json`);
  const { status } = spawnSync(
    'vitest',
    [
      'run',
      '--reporter=default',
      '--reporter=json',
      `--outputFile.json=${report}`,
      '--passWithNoTests',
      ...(part.oneByOne === true ? ['--no-file-parallelism'] : []),
      ...(part.exclude === undefined ? [] : ['--exclude', part.exclude]),
      ...(part.paths ?? []),
    ],
    { stdio: ['ignore', 'inherit', 'inherit'] },
  );
  const seconds = (performance.now() - start) / 1000;
  const counts = readCounts(report);
  // A file that cannot be loaded, or an unhandled error, fails the part even when no single test did.
  const outsideTests = counts.failed === 0 && status !== 0;
  return {
    name: part.name,
    ...counts,
    failed: outsideTests ? 1 : counts.failed,
    failures: outsideTests ? [...counts.failures, 'a file, a hook or something outside the tests'] : counts.failures,
    seconds,
  };
}

/** The part of vitest's JSON report that the summary wants. */
interface VitestReport {
  readonly numPassedTests?: number;
  readonly numFailedTests?: number;
  readonly numPendingTests?: number;
  readonly numTodoTests?: number;
  readonly testResults?: readonly {
    readonly name: string;
    readonly status: string;
    readonly message?: string;
    readonly assertionResults: readonly {
      readonly status: string;
      readonly fullName: string;
      readonly failureMessages?: readonly string[];
    }[];
  }[];
}

function readCounts(report: string): Pick<PartResult, 'passed' | 'failed' | 'skipped' | 'failures'> {
  try {
    const json = JSON.parse(readFileSync(report, 'utf8')) as VitestReport;
    const failures = (json.testResults ?? []).flatMap(({ name, status, message, assertionResults }) => {
      const file = relative(process.cwd(), name);
      const tests = assertionResults.filter((test) => test.status === 'failed');
      if (tests.length === 0) return status === 'failed' ? [`${file}: ${firstLine(message)}`] : [];
      return tests.map((test) => `${file}: ${test.fullName.trim()}: ${firstLine(test.failureMessages?.[0])}`);
    });
    return {
      passed: json.numPassedTests ?? 0,
      failed: json.numFailedTests ?? 0,
      skipped: (json.numPendingTests ?? 0) + (json.numTodoTests ?? 0),
      failures,
    };
  } catch {
    return { passed: 0, failed: 0, skipped: 0, failures: [] };
  }
}

const firstLine = (text = ''): string => text.trim().split('\n')[0]?.slice(0, 200) ?? '';

process.exitCode = main(process.argv.slice(2));
