import { appPasswordName } from '../sign-in/app-password.ts';
import { readJsonObject, type SettingEntry } from './entry.ts';
import { type FreshProof, readFreshProof } from './second-factor.ts';

export interface AppPasswordRequest extends FreshProof {
  /** What its user calls it, e.g. the device. */
  readonly label: string;
  readonly services: readonly string[];
  /** As makeAppPassword makes it; the entry has the name that it contains. */
  readonly appPassword: string;
}

/** Services that an app password can open: not webmail and console, where the main password signs in. */
export const APP_PASSWORD_SERVICES: readonly string[] = ['imap', 'pop3', 'sieve', 'submission', 'relay'];

/** Undefined when the value asks for no app password. */
export function readAppPasswordRequest(value: Buffer): AppPasswordRequest | undefined {
  const json = readJsonObject(value) ?? {};
  const proof = readFreshProof(json);
  const { label = '', services, appPassword } = json;
  if (proof === undefined || typeof label !== 'string' || label.length > 100 || /[\x00-\x1f\x7f]/.test(label))
    return undefined;
  if (typeof appPassword !== 'string' || appPasswordName(appPassword) === undefined) return undefined;
  if (!Array.isArray(services) || services.length === 0) return undefined;
  if (!services.every((service): service is string => APP_PASSWORD_SERVICES.includes(service as string)))
    return undefined;
  return { ...proof, label: label.trim(), services: [...new Set(services)], appPassword };
}

/** App passwords under their names; NIL removes one. Reading never tells the password. */
export const appPassword: SettingEntry = {
  name: '/private/vendor/postern/app-password/*',
  of: 'server',
  writable: true,
  scope: 'all',
  maxBytes: 2048,
  check: (value) => (readAppPasswordRequest(value) === undefined ? 'not a request for an app password' : undefined),
};
