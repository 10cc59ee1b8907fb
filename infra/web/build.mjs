// Builds the web apps with Vite into a folder beside each app, when its sources or the packages have changed since. Plain
// JavaScript, so that `npm start`, `npm test` and Docker builds run it under whatever Node they have.
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '../..');

/** Name, sources, and where the built files go (git-ignored). An app that is not there is passed over. */
const APPS = {
  console: { source: 'store/console/app', built: 'store/console/dist' },
  webmail: { source: 'gateway/webmail/app', built: 'gateway/webmail/dist' },
};

const wanted = process.argv.slice(2);
for (const name of wanted.length > 0 ? wanted : Object.keys(APPS)) {
  const app = APPS[name];
  if (app === undefined) {
    process.stderr.write(`no such app: ${name}; the apps are ${Object.keys(APPS).join(', ')}\n`);
    process.exitCode = 2;
  } else if (existsSync(join(root, app.source, 'index.html'))) await build(name, app);
}

async function build(name, { source, built }) {
  const stamp = join(root, built, '.built-from');
  const hash = hashOf(join(root, source));
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === hash) return;
  process.stdout.write(`• building the web app ${name}\n`);
  const worker = join(root, source, 'service-worker.ts');
  const vite = await import('vite');
  await vite.build({
    root: join(root, source),
    configFile: false,
    logLevel: 'warn',
    oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
    build: {
      outDir: join(root, built),
      emptyOutDir: true,
      target: 'es2023',
      assetsInlineLimit: 0,
      modulePreload: { polyfill: false },
      rolldownOptions: {
        input: {
          index: join(root, source, 'index.html'),
          ...(existsSync(worker) ? { 'service-worker': worker } : {}),
        },
        output: {
          // A worker's scope is where its file lies, and its name is for good.
          entryFileNames: (chunk) => (chunk.name === 'service-worker' ? '[name].js' : 'assets/[name]-[hash].js'),
        },
      },
    },
  });
  writeFileSync(stamp, hash);
}

function hashOf(folder) {
  const hash = createHash('sha256').update(readFileSync(join(root, 'package-lock.json')));
  hash.update(readFileSync(fileURLToPath(import.meta.url)));
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true }).sort((a, b) =>
    join(a.parentPath, a.name) < join(b.parentPath, b.name) ? -1 : 1,
  )) {
    if (entry.isFile()) hash.update(entry.name).update(readFileSync(join(entry.parentPath, entry.name)));
  }
  return hash.digest('hex');
}
