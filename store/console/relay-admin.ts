import { readFileSync } from 'node:fs';
import { request } from 'node:https';
import { checkServerIdentity } from 'node:tls';
import { MIN_TLS_VERSION, readTlsIdentity, type TlsIdentity } from '@postern/shared/runtime/tls.ts';
import type { RelayAdmin } from '../administration/for-administrators.ts';

const TIMEOUT_MS = 5_000;
const MAX_ANSWER_BYTES = 8 * 1024 * 1024;

/** Opens connections from the store's side alone, with the store's certificate; the relay decides whether it may ask. */
export function relayAdmin(
  settings: { readonly url: string; readonly serverName?: string | undefined },
  tls: TlsIdentity,
  ca: string,
): RelayAdmin {
  const base = new URL(settings.url);
  const name = settings.serverName ?? base.hostname;
  return {
    ask: (method, path) =>
      new Promise((resolve, reject) => {
        const options = {
          method,
          ...readTlsIdentity(tls),
          ca: readFileSync(ca, 'utf8'),
          minVersion: MIN_TLS_VERSION,
          timeout: TIMEOUT_MS,
          checkServerIdentity: (_host: string, certificate: Parameters<typeof checkServerIdentity>[1]) =>
            checkServerIdentity(name, certificate),
        };
        const asked = request(new URL(path, base), options, (answer) => {
          const chunks: Buffer[] = [];
          let size = 0;
          answer.on('data', (chunk: Buffer) => {
            size += chunk.length;
            if (size > MAX_ANSWER_BYTES) asked.destroy(new Error('the answer is too long'));
            else chunks.push(chunk);
          });
          answer.on('end', () => {
            try {
              resolve({ status: answer.statusCode ?? 0, body: JSON.parse(Buffer.concat(chunks).toString('utf8')) });
            } catch (error) {
              reject(error);
            }
          });
          answer.on('error', reject);
        });
        asked.on('timeout', () => asked.destroy(new Error('the relay does not answer')));
        asked.on('error', reject);
        asked.end();
      }),
  };
}
