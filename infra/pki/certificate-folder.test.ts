import { X509Certificate } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect, createServer, type TLSSocket } from 'node:tls';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { CertificateRequest } from './authority.ts';
import { keepCertificates } from './certificate-folder.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'postern-pki-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const store: CertificateRequest = { commonName: 'store', names: ['store.example', '127.0.0.3'], uses: ['server'] };
const relay: CertificateRequest = { commonName: 'relay.example', names: ['relay.example'], uses: ['server', 'client'] };
const text = (name: string): string => readFileSync(join(folder, name), 'utf8');

test('a second start keeps what is there; keys are for their owner alone', async () => {
  const first = await keepCertificates(folder, { store, relay });
  expect(first.map((r) => [r.name, r.made])).toEqual([
    ['ca', 'there was none'],
    ['store', 'there was none'],
    ['relay', 'there was none'],
  ]);
  const before = text('store.pem');
  const second = await keepCertificates(folder, { store, relay });
  expect(second.map((r) => r.made)).toEqual([undefined, undefined, undefined]);
  expect(text('store.pem')).toBe(before);
  for (const name of ['ca.key', 'store.key', 'relay.key']) {
    expect(statSync(join(folder, name)).mode & 0o777).toBe(0o600);
  }
});

test('a certificate near its end, with other names, or mixed with a foreign key is issued anew', async () => {
  await keepCertificates(folder, { store });
  const later = new Date(Date.now() + 380 * 86_400_000);
  const [, aged] = await keepCertificates(folder, { store }, later);
  expect(aged?.made).toMatch(/^it expires on \d{4}-\d\d-\d\d$/);
  const more = { ...store, names: [...store.names, 'imap.example'] };
  const [, renamed] = await keepCertificates(folder, { store: more }, later);
  expect(renamed?.made).toBe('it lacks the name imap.example');
  await keepCertificates(folder, { relay });
  writeFileSync(join(folder, 'store.key'), text('relay.key'));
  const [, mixed] = await keepCertificates(folder, { store: more }, later);
  expect(mixed?.made).toBe('there was none');
});

test('a new authority takes its certificates with it', async () => {
  await keepCertificates(folder, { store });
  rmSync(join(folder, 'ca.key'));
  const [, own] = await keepCertificates(folder, { store });
  expect(own?.made).toBe('another authority signed it');
  expect(new X509Certificate(text('store.pem')).verify(new X509Certificate(text('ca.pem')).publicKey)).toBe(true);
});

test('both ends of TLS verify each other with them, by name and by address', async () => {
  await keepCertificates(folder, { store, relay });
  const server = createServer({
    cert: text('store.pem'),
    key: text('store.key'),
    ca: text('ca.pem'),
    requestCert: true,
    rejectUnauthorized: true,
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const address = server.address();
  const port = typeof address === 'object' && address ? address.port : 0;
  for (const servername of ['store.example', '127.0.0.3']) {
    const peer = new Promise<TLSSocket>((done) => server.once('secureConnection', done));
    const client = connect({
      port,
      ca: text('ca.pem'),
      cert: text('relay.pem'),
      key: text('relay.key'),
      ...(servername === 'store.example'
        ? { servername }
        : { host: '127.0.0.1', checkServerIdentity: () => undefined }),
    });
    expect((await peer).getPeerCertificate().subject.CN).toBe('relay.example');
    client.destroy();
  }
  expect(new X509Certificate(text('store.pem')).checkIP('127.0.0.3')).toBe('127.0.0.3');
  server.close();
});
