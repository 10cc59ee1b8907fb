import { readFileSync } from 'node:fs';
import { type RequestOptions, request } from 'node:https';
import { isIP } from 'node:net';
import { rootCertificates } from 'node:tls';
import { MIN_TLS_VERSION } from '@postern/shared/runtime/tls.ts';
import type { Finding } from './finding.ts';

const ANSWER_MS = 5_000;
const MAX_PAGE_BYTES = 65_536;

/** A web app as a browser finds it. */
export interface WebPage {
  readonly check: string;
  readonly listen: { readonly address: string; readonly port: number };
  /** Name that browsers ask for, and that the certificate must carry; undefined where the settings do not tell it. */
  readonly host?: string | undefined;
  /** PEM file of our own CA; the system's are trusted as well. */
  readonly ca: string;
  /** What to look at when nobody answers. */
  readonly service: string;
}

/** Asks for the first page by HTTPS: the certificate is one that browsers take, and the app was built. */
export async function webPageFinding({ check, listen, host, ca, service }: WebPage): Promise<Finding> {
  const subject = `${listen.address}:${listen.port}`;
  const options: RequestOptions = {
    host: listen.address,
    port: listen.port,
    path: '/',
    ca: [...rootCertificates, readFileSync(ca, 'utf8')],
    minVersion: MIN_TLS_VERSION,
    timeout: ANSWER_MS,
    headers: { accept: 'text/html', ...(host === undefined ? {} : { host }) },
    // RFC 6066 §3: an address is no server name; the certificate is then held against the address that is asked.
    ...(host === undefined ? { checkServerIdentity: () => undefined } : isIP(host) === 0 ? { servername: host } : {}),
  };
  const answer = await firstPage(options);
  if (typeof answer === 'string') {
    const advice = `Is it up (systemctl status ${service})? Its log says why not.`;
    return { check, subject, status: 'fault', found: answer, advice };
  }
  if (answer.status !== 200 || !/<script[^>]+src=/.test(answer.page)) {
    const advice = 'Build the web apps and install again: npm run build, or install.sh, or the image.';
    return { check, subject, status: 'fault', found: `it answers ${answer.status}, without the web app`, advice };
  }
  return { check, subject, status: 'ok', found: 'it shows the web app' };
}

/** Status and page, or what kept them from coming. */
function firstPage(options: RequestOptions): Promise<{ status: number; page: string } | string> {
  return new Promise((resolve) => {
    const asked = request(options, (response) => {
      let page = '';
      response.setEncoding('utf8');
      response.on('data', (text: string) => {
        page += text;
        if (page.length > MAX_PAGE_BYTES) response.destroy();
      });
      response.once('close', () => resolve({ status: response.statusCode ?? 0, page }));
    });
    asked.once('timeout', () => asked.destroy(new Error('it is silent')));
    asked.once('error', (error) => resolve(error.message));
    asked.end();
  });
}
