import { FACTOR_MECHANISM } from '@postern/shared/sasl/factor.ts';
import type { StoreConfig } from '../config.ts';

/** Extensions offered in every state, and after sign-in alone; each with its RFC, in the order of the response. */
const ALWAYS = ['IMAP4rev1', 'IMAP4rev2', 'LITERAL+', 'SASL-IR', 'ID', 'ENABLE', 'IDLE'] as const;
// RFC 3501, 9051, 7888, 4959, 2971, 5161, 2177 · 2342, 3348, 4315, 6851, 3691, 6154, 5258, 5819
// 7162, 7162, 6855, 4731, 5182, 5032, 9394, 6203, 5267, 7377, 5256, 5267, 5957, 5256, 9586, 9585
// 6154, 8438, 3516, 3502, 4469, 8508, 8474, 8514, 8970, 9208, 4314, 8440, 4978, 8437, 4467
const SIGNED_IN = [
  'NAMESPACE',
  'CHILDREN',
  'UIDPLUS',
  'MOVE',
  'UNSELECT',
  'SPECIAL-USE',
  'LIST-EXTENDED',
  'LIST-STATUS',
  'CONDSTORE',
  'QRESYNC',
  'UTF8=ACCEPT',
  'ESEARCH',
  'SEARCHRES',
  'WITHIN',
  'PARTIAL',
  'SEARCH=FUZZY',
  'CONTEXT=SEARCH',
  'MULTISEARCH',
  'SORT',
  'ESORT',
  'SORT=DISPLAY',
  'THREAD=ORDEREDSUBJECT',
  'THREAD=REFERENCES',
  'THREAD=REFS',
  'UIDONLY',
  'INPROGRESS',
  'CREATE-SPECIAL-USE',
  'STATUS=SIZE',
  'BINARY',
  'MULTIAPPEND',
  'CATENATE',
  'REPLACE',
  'OBJECTID',
  'SAVEDATE',
  'PREVIEW',
  'QUOTA',
  'QUOTA=RES-STORAGE',
  'QUOTA=RES-MESSAGE',
  'METADATA',
  'NOTIFY',
  'ACL',
  'RIGHTS=texk',
  'LIST-MYRIGHTS',
  'COMPRESS=DEFLATE',
  'UNAUTHENTICATE',
  'URLAUTH',
] as const;

/** What decides over capabilities, beside the configuration. */
export interface CapabilityState {
  /** Address of the account that has signed in. */
  readonly account: string | undefined;
  readonly encrypted: boolean;
  /** Passwords may be sent: TLS, or loopback where the configuration allows it. */
  readonly passwordsAllowed: boolean;
  readonly tlsAvailable: boolean;
  /** A host that may hold tokens has shown its certificate (RFC 7628). */
  readonly trustedPeer: boolean;
}

/** The capabilities of a session at this moment. Those that the configuration switches off, for all or for the account, are left out. */
export function capabilities(config: StoreConfig['imap'], state: CapabilityState): string[] {
  const list: string[] = [...ALWAYS];
  if (state.account !== undefined) {
    list.push(...SIGNED_IN);
    // RFC 7889 §2.
    list.push(`APPENDLIMIT=${config.maxLiteralBytes}`);
  } else {
    if (!state.encrypted && state.tlsAvailable) list.push('STARTTLS');
    // RFC 9051 §6.2.1: LOGINDISABLED where a password would cross the network in clear.
    list.push(state.passwordsAllowed ? 'AUTH=PLAIN' : 'LOGINDISABLED');
    if (state.trustedPeer) list.push('AUTH=OAUTHBEARER', `AUTH=${FACTOR_MECHANISM}`);
  }
  // RFC 7888 §5: never both.
  if (!capabilityOn(config, 'LITERAL+', state.account)) list.push('LITERAL-');
  return list.filter((name) => capabilityOn(config, name, state.account));
}

/** What is on for everybody who has no list of their own: each is found out once. */
const onForMost = new WeakMap<StoreConfig['imap'], Map<string, boolean>>();

/** Whether a capability is on; names are compared without regard to case. */
export function capabilityOn(config: StoreConfig['imap'], name: string, account: string | undefined): boolean {
  const off = account === undefined ? undefined : config.capabilitiesOffFor[account.toLowerCase()];
  if (off !== undefined) return isOn(config, name, off);
  let known = onForMost.get(config);
  if (known === undefined) {
    known = new Map();
    onForMost.set(config, known);
  }
  let on = known.get(name);
  if (on === undefined) {
    on = isOn(config, name, []);
    known.set(name, on);
  }
  return on;
}

function isOn(config: StoreConfig['imap'], name: string, off: readonly string[]): boolean {
  // RFC 4314 §2.2, RFC 8440 §1: nothing without ACL.
  if ((name === 'RIGHTS=texk' || name === 'LIST-MYRIGHTS') && !isOn(config, 'ACL', off)) return false;
  const plain = name.toUpperCase().replace(/^APPENDLIMIT=.*/, 'APPENDLIMIT');
  const isOff = (each: string): boolean => each.toUpperCase() === plain;
  return !config.capabilitiesOff.some(isOff) && !off.some(isOff);
}
