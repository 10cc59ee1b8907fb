import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import type { DemoAccount } from './accounts.ts';
import type { Endpoint, Layout } from './layout.ts';

/** `stack.json`: every endpoint, process and demo account of a running stack. It is there only while everything answers. */
export interface StackFile {
  readonly smtp: Endpoint;
  /** The gateway's, for people on the road: STARTTLS, and TLS from the first octet. */
  readonly submission: Endpoint;
  readonly submissions: Endpoint;
  readonly lmtp: Endpoint;
  readonly imap: Endpoint;
  readonly imaps: Endpoint;
  readonly pop3: Endpoint;
  readonly pop3s: Endpoint;
  readonly managesieve: Endpoint;
  /** SMTP for servers inside, and submission by STARTTLS and by TLS from the first octet. */
  readonly hub: Endpoint;
  readonly hubSubmission: Endpoint;
  readonly hubSubmissions: Endpoint;
  readonly webmail: { readonly url: string };
  readonly console: { readonly url: string };
  readonly ldap: {
    readonly url: string;
    readonly baseDn: string;
    readonly adminDn: string;
    readonly adminPassword: string;
  };
  readonly database: { readonly url: string };
  /** Path of the CA's PEM file. */
  readonly ca: string;
  readonly pids: Readonly<Record<string, number>>;
  readonly accounts: readonly DemoAccount[];
}

/** Writes the file whole, by rename: a reader sees the old one or the new one. It holds passwords, so for its owner alone. */
export function writeStackFile(layout: Layout, stack: StackFile): void {
  const path = layout.at('stack.json');
  writeFileSync(`${path}.new`, `${JSON.stringify(stack, null, 2)}\n`, { mode: 0o600 });
  renameSync(`${path}.new`, path);
}

export function readStackFile(layout: Layout): StackFile {
  return JSON.parse(readFileSync(layout.at('stack.json'), 'utf8')) as StackFile;
}

export function removeStackFile(layout: Layout): void {
  rmSync(layout.at('stack.json'), { force: true });
}
