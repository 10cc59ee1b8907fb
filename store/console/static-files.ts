import { existsSync, readdirSync, readFileSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { extname, join, resolve } from 'node:path';

const BUILT = resolve(import.meta.dirname, 'dist');
const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.json': 'application/json',
};
const INDEX = '/index.html';

/** The web app as Vite built it, read once: a request names a file of this list, never a path. */
export class StaticFiles {
  readonly #files = new Map<string, { readonly type: string; readonly body: Buffer }>();

  constructor(folder: string = BUILT) {
    if (!existsSync(folder)) return;
    for (const name of readdirSync(folder, { recursive: true, encoding: 'utf8' })) {
      const type = TYPES[extname(name)];
      if (type !== undefined) this.#files.set(`/${name}`, { type, body: readFileSync(join(folder, name)) });
    }
  }

  /** Files by their name; every other path is a view of the app. */
  send(request: IncomingMessage, response: ServerResponse, path: string): void {
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      response.writeHead(405).end();
      return;
    }
    const file = this.#files.get(path) ?? (extname(path) === '' ? this.#files.get(INDEX) : undefined);
    if (file === undefined) {
      const why =
        this.#files.size === 0 ? 'The console was not built: node infra/web/build.mjs console\n' : 'Not found\n';
      response.writeHead(404, { 'Content-Type': 'text/plain; charset=utf-8' }).end(why);
      return;
    }
    // Names of assets change with their content.
    const caching: Record<string, string> = path.startsWith('/assets/')
      ? { 'Cache-Control': 'public, max-age=31536000, immutable' }
      : {};
    response.writeHead(200, { 'Content-Type': file.type, ...caching });
    response.end(request.method === 'HEAD' ? undefined : file.body);
  }
}
