import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { extname, join, relative } from 'node:path';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';
import { type Exchange, sendProblem } from './exchange.ts';
import { PLAIN_PAGES } from './plain-page.ts';
import { APP_POLICY, COMMON_HEADERS } from './security-headers.ts';

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.json': 'application/json',
  '.webmanifest': 'application/manifest+json',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.ico': 'image/x-icon',
  '.woff2': 'font/woff2',
  '.txt': 'text/plain; charset=utf-8',
};
/** Names that contain a hash of their content never change. */
const HASHED = /[-.][A-Za-z0-9_-]{8,}\.[a-z0-9]+$/;

interface StaticFile {
  readonly type: string;
  readonly etag: string;
  readonly cacheControl: string;
  readonly plain: Buffer;
  readonly gzip: Buffer | undefined;
  readonly brotli: Buffer | undefined;
}

/** Where `npm run build` puts the web app. */
const BUILT_APP = join(import.meta.dirname, '..', 'dist');

/** The web app's files, read once at the start: no path of a request ever reaches the file system. */
export class StaticFiles {
  readonly #files = new Map<string, StaticFile>();

  constructor(folder = BUILT_APP) {
    if (!existsSync(join(folder, 'index.html'))) {
      for (const [path, text] of Object.entries(PLAIN_PAGES)) this.#add(path, Buffer.from(text));
    } else {
      for (const path of walk(folder)) this.#add(`/${relative(folder, path)}`, readFileSync(path));
    }
    const index = this.#files.get('/index.html');
    if (index !== undefined) this.#files.set('/', index);
  }

  /** Answers a GET or HEAD; paths without a dot are the app's own views, and are answered by its page. Whether it was the page. */
  answer(exchange: Exchange): boolean {
    const { request, response, url } = exchange;
    const isView = !url.pathname.includes('.') && /\btext\/html\b/.test(request.headers.accept ?? '');
    const file = this.#files.get(url.pathname) ?? (isView ? this.#files.get('/') : undefined);
    if (file === undefined) {
      sendProblem(exchange, 404, 'There is nothing here.');
      return false;
    }
    const headers = {
      ...COMMON_HEADERS,
      'content-security-policy': APP_POLICY,
      'content-type': file.type,
      'cache-control': file.cacheControl,
      etag: file.etag,
      vary: 'accept-encoding',
    };
    if (request.headers['if-none-match'] === file.etag) {
      response.writeHead(304, headers);
      response.end();
      return file === this.#files.get('/');
    }
    const accepted = String(request.headers['accept-encoding'] ?? '');
    const brotli = /\bbr\b/.test(accepted) ? file.brotli : undefined;
    const gzip = /\bgzip\b/.test(accepted) ? file.gzip : undefined;
    const body = brotli ?? gzip ?? file.plain;
    const encoding =
      brotli !== undefined ? { 'content-encoding': 'br' } : gzip !== undefined ? { 'content-encoding': 'gzip' } : {};
    response.writeHead(200, { ...headers, ...encoding, 'content-length': body.length });
    response.end(request.method === 'HEAD' ? undefined : body);
    return file === this.#files.get('/');
  }

  #add(path: string, plain: Buffer): void {
    const type = TYPES[extname(path)] ?? 'application/octet-stream';
    const compresses = /^(?:text|application\/(?:json|manifest)|image\/svg)/.test(type) && plain.length > 500;
    this.#files.set(path, {
      type,
      etag: `"${createHash('sha256').update(plain).digest('base64url').slice(0, 22)}"`,
      cacheControl: HASHED.test(path) ? 'public, max-age=31536000, immutable' : 'no-cache',
      plain,
      gzip: compresses ? gzipSync(plain, { level: 9 }) : undefined,
      brotli: compresses ? brotliCompressSync(plain, { params: { [constants.BROTLI_PARAM_QUALITY]: 9 } }) : undefined,
    });
  }
}

function* walk(folder: string): Generator<string> {
  for (const name of readdirSync(folder)) {
    const path = join(folder, name);
    if (statSync(path).isDirectory()) yield* walk(path);
    else if (!name.endsWith('.map') && !name.startsWith('.')) yield path;
  }
}
