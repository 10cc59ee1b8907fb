import { execFile } from 'node:child_process';
import { cpSync, mkdirSync, readFileSync, statSync } from 'node:fs';
import { basename, join, relative } from 'node:path';
import { promisify } from 'node:util';

const ROOT = join(import.meta.dirname, '../..');
const run = promisify(execFile);

/** What a Dockerfile makes, as a folder of this machine. */
export interface BuiltImage {
  /** The image's root folder. */
  readonly root: string;
  /** WORKDIR of the last stage, below the root folder. */
  readonly workFolder: string;
  readonly user: string | undefined;
  readonly entryPoint: readonly string[];
  readonly command: readonly string[];
}

/** Steps of Debian that a folder cannot have; anything else that is not understood fails the build. */
const DEBIAN_STEPS = /^(?:apt-get|useradd|DEBIAN_FRONTEND)/;
const NO_EFFECT_HERE = new Set(['ENV', 'HEALTHCHECK', 'EXPOSE', 'ARG']);

/**
 * Runs the COPY steps and the npm steps of a Dockerfile in clean folders, one a stage, with the project as context and `.dockerignore`
 * observed: what the image would hold, without a Docker engine.
 */
export async function buildInFolders(dockerfile: string, folder: string): Promise<BuiltImage> {
  const stages = new Map<string, string>();
  let root = '';
  let workFolder = '/';
  let user: string | undefined;
  let entryPoint: string[] = [];
  let command: string[] = [];
  let steps: string[] = [];
  for (const { word, rest } of instructions(readFileSync(join(ROOT, dockerfile), 'utf8'))) {
    if (word === 'FROM') {
      root = join(folder, `stage${stages.size}`);
      mkdirSync(root, { recursive: true });
      stages.set(/ AS (\S+)$/.exec(rest)?.[1] ?? String(stages.size), root);
      workFolder = '/';
      user = undefined;
      steps = [];
    } else if (word === 'WORKDIR') {
      workFolder = rest;
      mkdirSync(join(root, workFolder), { recursive: true });
    } else if (word === 'COPY') copy(rest, root, workFolder, stages);
    else if (word === 'RUN' && rest.startsWith('npm '))
      await runLayer([...steps, rest].join('\n'), rest, root, workFolder);
    else if (word === 'RUN') await runStep(rest, join(root, workFolder));
    else if (word === 'USER') user = rest;
    else if (word === 'ENTRYPOINT') entryPoint = JSON.parse(rest);
    else if (word === 'CMD') command = JSON.parse(rest);
    else if (!NO_EFFECT_HERE.has(word)) throw new Error(`${dockerfile}: ${word} is not understood`);
    if (word !== 'FROM') steps.push(`${word} ${rest}`);
  }
  return { root, workFolder: join(root, workFolder), user, entryPoint, command };
}

function instructions(text: string): { word: string; rest: string }[] {
  return text
    .split('\n')
    .filter((line) => line.trim() !== '' && !line.startsWith('#'))
    .map((line) => {
      const [word = '', ...rest] = line.split(' ');
      return { word, rest: rest.join(' ').trim() };
    });
}

function copy(rest: string, root: string, workFolder: string, stages: ReadonlyMap<string, string>): void {
  const [, stage] = /^--from=(\S+) /.exec(rest) ?? [];
  const paths = rest.replace(/^--from=\S+ /, '').split(/\s+/);
  const target = paths.pop() ?? '';
  const context = stage === undefined ? ROOT : stages.get(stage);
  if (context === undefined) throw new Error(`COPY: there is no stage ${stage}`);
  const to = target.startsWith('/') ? join(root, target) : join(root, workFolder, target);
  const ignored = stage === undefined ? ignoredPaths() : () => false;
  for (const path of paths) {
    const from = join(context, path);
    // A folder's content goes into the target, a file into a target that ends in a slash or is a folder.
    const intoFolder = statSync(from).isFile() && (target.endsWith('/') || target === '.' || target === './');
    cpSync(from, intoFolder ? join(to, basename(path)) : to, {
      recursive: true,
      verbatimSymlinks: true,
      filter: (source) => !ignored(relative(ROOT, source)),
    });
  }
}

/** The forms of `.dockerignore` that the project uses: a path, and a pattern for every folder. */
function ignoredPaths(): (path: string) => boolean {
  const patterns = readFileSync(join(ROOT, '.dockerignore'), 'utf8')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((pattern) => {
      const everywhere = pattern.startsWith('**/');
      const text = (everywhere ? pattern.slice(3) : pattern).replace(/[.]/g, '\\.').replaceAll('*', '[^/]*');
      return new RegExp(everywhere ? `(?:^|/)${text}(?:/|$)` : `^${text}(?:/|$)`);
    });
  return (path) => patterns.some((pattern) => pattern.test(path));
}

/** What npm made of the same steps before, as an engine keeps layers: images that begin alike install their packages once. */
const layers = new Map<string, Promise<string>>();

async function runLayer(steps: string, command: string, root: string, workFolder: string): Promise<void> {
  const made = layers.get(steps) ?? makeLayer(command, root, workFolder);
  layers.set(steps, made);
  const layer = await made;
  await run('cp', ['-al', '--remove-destination', `${layer}/.`, root]);
}

async function makeLayer(command: string, root: string, workFolder: string): Promise<string> {
  const layer = `${root}-layer`;
  await run('cp', ['-a', root, layer]);
  await runStep(command, join(layer, workFolder));
  return layer;
}

async function runStep(command: string, cwd: string): Promise<void> {
  if (DEBIAN_STEPS.test(command)) return;
  const [program = '', ...args] = command.split(/\s+/);
  if (program !== 'npm' && program !== 'node')
    throw new Error(`RUN ${command}: only npm, node and Debian's steps are understood`);
  await run(program === 'node' ? process.execPath : 'npm', args, {
    cwd,
    env: { ...process.env, npm_config_prefer_offline: 'true' },
  });
}
