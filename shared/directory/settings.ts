import { z } from 'zod';
import { secret } from '../runtime/config.ts';

/** How a process reaches the directory. The same block stands in gateway.yaml and store.yaml, with bind DNs of their own. */
export const directorySettings = () =>
  z.strictObject({
    urls: z
      .array(z.string().regex(/^ldaps?:\/\//))
      .min(1)
      .describe('Servers, tried in order: `ldap://host:port` (StartTLS is then demanded) or `ldaps://host:port`.'),
    baseDn: z
      .string()
      .describe('Base below which domains and accounts are found, e.g. `o=hosting,dc=myhosting,dc=example`.'),
    bindDn: z.string().default('').describe('DN of the service that looks addresses up; empty for anonymous.'),
    bindPassword: secret().default('').describe('Its password; best as `{ file: … }`.'),
    ca: z.string().describe('PEM file of the CA that signed the directory’s certificate.'),
    serverName: z
      .string()
      .optional()
      .describe('Name (or IP) that the certificate must carry, if not the host of the URL.'),
    localAddress: z.string().optional().describe('Local address from which connections leave: the private leg.'),
    preset: z
      .enum(['jamm', 'courier', 'active-directory', 'dbmail', 'qmail-ldap'])
      .default('jamm')
      .describe('How accounts, aliases and domains are written in the directory.'),
    defaultDomain: z
      .string()
      .optional()
      .describe('The site’s domain, to which bare names (`maildrop: postmaster`) belong.'),
    domains: z
      .array(z.string())
      .default([])
      .describe(
        'Domains hosted here, for presets whose directory has no entries for domains (active-directory, dbmail, qmail-ldap, courier).',
      ),
    shellUsersBaseDn: z
      .string()
      .optional()
      .describe('Base of people with a shell account (posixAccount): each has the address uid@defaultDomain.'),
    appPasswordsBaseDn: z
      .string()
      .optional()
      .describe('Base of app passwords, where accounts cannot have entries below them; unset, they stand there.'),
    defaultServices: z
      .array(z.string())
      .default(['imap', 'pop3', 'sieve', 'webmail', 'submission', 'console'])
      .describe('Services of accounts that list no authorizedService.'),
    subaddressSeparator: z
      .string()
      .max(1)
      .default('+')
      .describe('Sign between name and tag: `user+tag` is delivered to `user` (RFC 5233); empty turns it off.'),
    connections: z.int().min(1).max(64).default(4).describe('Connections of the look-up pool.'),
    timeoutMs: z
      .int()
      .min(100)
      .default(5000)
      .describe('Deadline of one question; after it the answer is “don’t know”.'),
    foundTtlMs: z.int().min(0).max(5000).default(5000).describe('How long a found answer is kept.'),
    notFoundTtlMs: z.int().min(0).max(2000).default(2000).describe('How long a not-found answer is kept.'),
  });

export type DirectorySettings = z.infer<ReturnType<typeof directorySettings>>;
