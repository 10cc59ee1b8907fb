import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { CertificateRequest } from '@postern/infra/pki/authority.ts';
import { keepCertificates } from '@postern/infra/pki/certificate-folder.ts';

/** Paths of one certificate and its key, as the settings want them. */
export interface IdentityFiles {
  readonly cert: string;
  readonly key: string;
}

/** Certificates of one test file: a CA, and one identity for each part. All are good for 127.0.0.1 to .3 and ::1. */
export interface TestPki {
  readonly folder: string;
  /** Path of the CA's PEM file. */
  readonly ca: string;
  /** The relay’s towards the store (client), also good as a server. CN `relay.example`. */
  readonly relay: IdentityFiles;
  /** Of the store: `store.example`. */
  readonly store: IdentityFiles;
  /** Of the directory: `directory.example`. */
  readonly directory: IdentityFiles;
  /** Of the public name: `mx.example`. */
  readonly public: IdentityFiles;
  /** Of the hub, a client of the relay's private leg: `hub.example`. */
  readonly hub: IdentityFiles;
  /** A client of the same CA whose name no store expects: `stranger.example`. */
  readonly stranger: IdentityFiles;
  /** Removes the folder. */
  remove(): void;
}

const LOOPBACK = ['localhost', '127.0.0.1', '127.0.0.2', '127.0.0.3', '::1'];

/** Makes a CA and certificates in a temporary folder, or in `folder`. */
export async function makeTestPki(folder = mkdtempSync(join(tmpdir(), 'postern-pki-'))): Promise<TestPki> {
  const both = (commonName: string): CertificateRequest => ({
    commonName,
    names: [commonName, ...LOOPBACK],
    uses: ['server', 'client'],
  });
  await keepCertificates(folder, {
    relay: both('relay.example'),
    store: both('store.example'),
    directory: both('directory.example'),
    public: both('mx.example'),
    hub: both('hub.example'),
    stranger: both('stranger.example'),
  });
  const files = (name: string): IdentityFiles => ({
    cert: join(folder, `${name}.pem`),
    key: join(folder, `${name}.key`),
  });
  return {
    folder,
    ca: join(folder, 'ca.pem'),
    relay: files('relay'),
    store: files('store'),
    directory: files('directory'),
    public: files('public'),
    hub: files('hub'),
    stranger: files('stranger'),
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}
