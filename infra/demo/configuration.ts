import { renameSync, writeFileSync } from 'node:fs';
import type { relayConfigSchema } from '@postern/gateway/relay/config.ts';
import type { webmailConfigSchema } from '@postern/gateway/webmail/config.ts';
import type { storeConfigSchema } from '@postern/store/config.ts';
import { stringify } from 'yaml';
import type { z } from 'zod';
import { QUARANTINE_ADDRESS } from './accounts.ts';
import { NAMES } from './certificates.ts';
import { type Layout, LEGS } from './layout.ts';
import { BASE_DN, serviceDn } from './sample-tree.ts';

export type RelaySettings = z.input<typeof relayConfigSchema>;
export type WebmailSettings = z.input<typeof webmailConfigSchema>;
export type StoreSettings = z.input<typeof storeConfigSchema>;

/** Settings of the embedded directory. */
export interface EmbeddedDirectorySettings {
  readonly listen: { readonly address: string; readonly port: number };
  readonly tls: { readonly cert: string; readonly key: string };
  /** LDIF file of all entries; read at start, written after each change. */
  readonly data: string;
  readonly suffix: string;
}

const identity = (layout: Layout, name: string) => ({
  cert: layout.at('pki', `${name}.pem`),
  key: layout.at('pki', `${name}.key`),
});

const listenAt = ({ host, port }: { readonly host: string; readonly port: number }) => ({ address: host, port });

function directory(layout: Layout, service: 'relay' | 'store', localAddress: string): RelaySettings['directory'] {
  const { host, port } = layout.endpoints.ldap;
  return {
    urls: [`ldap://${host}:${port}`],
    baseDn: BASE_DN,
    bindDn: serviceDn(service),
    bindPassword: { file: layout.at('secrets', `ldap-${service}`) },
    ca: layout.at('pki', 'ca.pem'),
    serverName: NAMES.directory,
    localAddress,
    defaultDomain: 'domain1.example',
  };
}

/** gateway.yaml of a stack: no database, no key but the gateway's own two. */
export function relaySettings(layout: Layout): RelaySettings {
  const { smtp, lmtp, outbound, submission, submissions, world } = layout.endpoints;
  return {
    hostname: NAMES.public,
    smtp: { listen: [{ address: smtp.host, port: smtp.port }], tls: identity(layout, 'public') },
    innerAddress: LEGS.dmz,
    store: {
      lmtp: { host: lmtp.host, port: lmtp.port, serverName: NAMES.store },
      tls: identity(layout, 'relay'),
      ca: layout.at('pki', 'ca.pem'),
    },
    directory: directory(layout, 'relay', LEGS.dmz),
    admin: {
      listen: { address: layout.endpoints.relayAdmin.host, port: layout.endpoints.relayAdmin.port },
      tls: identity(layout, 'relay'),
      clientCa: layout.at('pki', 'ca.pem'),
      clients: [NAMES.hub],
    },
    spool: { path: layout.at('spool') },
    // The file that the launcher appends its output to: the relay searches it when the console traces a message.
    log: { file: layout.at('log', 'relay.log') },
    content: { quarantineAddress: QUARANTINE_ADDRESS },
    submission: {
      listen: [
        { ...listenAt(submission), mode: 'starttls' },
        { ...listenAt(submissions), mode: 'implicit' },
      ],
    },
    outbound: {
      localAddress: LEGS.internet,
      listen: {
        ...listenAt(outbound),
        tls: identity(layout, 'relay'),
        clientCa: layout.at('pki', 'ca.pem'),
        clients: [NAMES.hub],
      },
      smartHost: { host: world.host, port: world.port, tls: 'none' },
      allowNetworks: ['127.0.0.0/8'],
    },
  };
}

/** webmail.yaml of a stack: a client certificate for the store's IMAP, and a key of its own. */
export function webmailSettings(layout: Layout): WebmailSettings {
  const { webmail, imaps } = layout.endpoints;
  return {
    publicUrl: `https://${webmail.host}:${webmail.port}`,
    listen: [{ address: webmail.host, port: webmail.port }],
    tls: identity(layout, 'public'),
    innerAddress: LEGS.dmz,
    store: {
      host: imaps.host,
      port: imaps.port,
      serverName: NAMES.store,
      tls: identity(layout, 'webmail'),
      ca: layout.at('pki', 'ca.pem'),
    },
    sessionKeyFile: layout.at('secrets', 'webmail-session-keys'),
    uploads: { path: layout.at('uploads') },
  };
}

/** The demo sets attachments that are programs aside, so that the console's quarantine can be tried. */
export function setsProgramsAside(settings: RelaySettings): RelaySettings {
  const attachments = { names: ['*.exe', '*.scr'], onFound: 'quarantine' as const };
  return { ...settings, content: { ...settings.content, attachments } };
}

/** store.yaml of a stack. */
export function storeSettings(layout: Layout): StoreSettings {
  const { lmtp, imap, imaps, pop3, pop3s, managesieve, hub, hubSubmission, hubSubmissions, outbound } =
    layout.endpoints;
  return {
    hostname: NAMES.store,
    tls: identity(layout, 'store'),
    ca: layout.at('pki', 'ca.pem'),
    lmtp: { listen: { address: lmtp.host, port: lmtp.port }, peers: [NAMES.relay] },
    imap: {
      listen: { address: imap.host, port: imap.port },
      listenTls: { address: imaps.host, port: imaps.port },
      allowPlaintextLoopback: true,
      trustedPeers: [NAMES.webmail],
    },
    pop3: {
      listen: { address: pop3.host, port: pop3.port },
      listenTls: { address: pop3s.host, port: pop3s.port },
      allowPlaintextLoopback: true,
    },
    managesieve: {
      listen: { address: managesieve.host, port: managesieve.port },
      allowPlaintextLoopback: true,
    },
    hub: {
      submission: {
        listen: listenAt(hubSubmission),
        listenTls: listenAt(hubSubmissions),
        allowPlaintextLoopback: true,
      },
      intranet: { listen: listenAt(hub), networks: ['127.0.0.0/8'] },
      relay: { host: outbound.host, port: outbound.port, serverName: NAMES.relay, identity: identity(layout, 'hub') },
    },
    console: {
      listen: { address: layout.endpoints.console.host, port: layout.endpoints.console.port },
      mailHosts: [NAMES.public],
      quarantineAddress: QUARANTINE_ADDRESS,
      relay: {
        url: `https://${layout.endpoints.relayAdmin.host}:${layout.endpoints.relayAdmin.port}`,
        serverName: NAMES.relay,
        tls: identity(layout, 'hub'),
      },
    },
    database: { url: { file: layout.at('secrets', 'database-url') } },
    directory: directory(layout, 'store', LEGS.corporate),
    log: { file: layout.at('log', 'store.log') },
  };
}

export function embeddedDirectorySettings(layout: Layout, data: string): EmbeddedDirectorySettings {
  const { host, port } = layout.endpoints.ldap;
  return {
    listen: { address: host, port },
    tls: identity(layout, 'directory'),
    data,
    suffix: BASE_DN.slice(BASE_DN.indexOf(',') + 1),
  };
}

/** Writes a settings file whole; JSON is YAML too. */
export function writeSettings(path: string, settings: object): void {
  const text = path.endsWith('.json')
    ? `${JSON.stringify(settings, null, 2)}\n`
    : `# Written at each start of the demo: a change made here does not last. docs/settings.md tells each setting.\n${stringify(settings)}`;
  writeFileSync(`${path}.new`, text, { mode: 0o600 });
  renameSync(`${path}.new`, path);
}
