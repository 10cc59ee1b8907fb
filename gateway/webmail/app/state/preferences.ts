import { effect, signal } from '@preact/signals';
import { call } from '../jmap/request.ts';

export interface Label {
  /** The IMAP keyword. */
  readonly keyword: string;
  readonly name: string;
  /** One of the colours of the design (`--label-0` to `--label-7`). */
  readonly colour: number;
}

/** What is the same in all of the user's browsers. */
export interface Preferences {
  readonly conversations: boolean;
  readonly theme: 'system' | 'light' | 'dark';
  /** Empty for the browser's. */
  readonly language: string;
  readonly density: 'comfortable' | 'compact';
  /** Senders (lower-case addresses) whose remote content is shown. */
  readonly trustedSenders: readonly string[];
  readonly notifications: boolean;
  readonly labels: readonly Label[];
  /** How long a message waits after Send, in seconds. */
  readonly undoSendS: number;
  /** Whether messages are written as rich text at first. */
  readonly richText: boolean;
}

const DEFAULTS: Preferences = {
  conversations: true,
  theme: 'system',
  language: '',
  density: 'comfortable',
  trustedSenders: [],
  notifications: false,
  labels: [],
  undoSendS: 10,
  richText: true,
};
const MOST_SENDERS = 1_000;
/** The look of the page before anybody has signed in, and until the settings have come. */
const LOOK = 'postern-look';

export const preferences = signal<Preferences>({ ...DEFAULTS, ...readLook() });
export const preferencesLoaded = signal(false);

/** What other versions of the app keep there, and this one does not know. */
let unknown: Record<string, unknown> = {};

/** Reads and writes go one after the other, so that none brings back what another has changed. */
let last: Promise<unknown> = Promise.resolve();
/** What was changed here and is not in the store yet. */
let unsaved: Partial<Preferences> = {};

function inTurn(work: () => Promise<void>): Promise<void> {
  const done = last.catch(() => undefined).then(work);
  last = done;
  return done;
}

/** @throws RequestFailed, MethodFailed */
export const loadPreferences = (): Promise<void> => inTurn(readStored);

async function readStored(): Promise<void> {
  const { list } = await call<{ list: { name: string; value: string }[] }>('Setting/get', { names: ['preferences'] });
  unknown = readObject(list[0]?.value);
  preferences.value = { ...readPreferences(unknown), ...unsaved };
  preferencesLoaded.value = true;
}

/** Changes preferences here at once, and in the store. @throws RequestFailed, MethodFailed */
export function changePreferences(change: Partial<Preferences>): Promise<void> {
  preferences.value = { ...preferences.value, ...change };
  unsaved = { ...unsaved, ...change };
  return inTurn(async () => {
    if (!preferencesLoaded.value) await readStored();
    if (Object.keys(unsaved).length === 0) return;
    unsaved = {};
    const trustedSenders = preferences.value.trustedSenders.slice(-MOST_SENDERS);
    const value = JSON.stringify({ ...unknown, ...preferences.value, trustedSenders });
    await call('Setting/set', { update: { preferences: value } });
  });
}

/** Takes what is of the right kind, and the default of everything else. */
export function readPreferences(value: Readonly<Record<string, unknown>>): Preferences {
  const entries = Object.entries(DEFAULTS).map(([name, byDefault]) => {
    const own = value[name];
    const fits = typeof own === typeof byDefault && Array.isArray(own) === Array.isArray(byDefault);
    return [name, fits ? own : byDefault];
  });
  const read = Object.fromEntries(entries) as unknown as Preferences;
  return {
    ...read,
    trustedSenders: read.trustedSenders.filter((each) => typeof each === 'string'),
    labels: read.labels.filter(
      (each) => typeof each?.keyword === 'string' && typeof each.name === 'string' && typeof each.colour === 'number',
    ),
    theme: ['system', 'light', 'dark'].includes(read.theme) ? read.theme : 'system',
    density: read.density === 'compact' ? 'compact' : 'comfortable',
  };
}

function readObject(text: string | undefined): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text ?? '{}');
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : {};
  } catch {
    return {};
  }
}

function readLook(): Partial<Preferences> {
  if (typeof localStorage === 'undefined') return {};
  const { theme, language } = readPreferences(readObject(localStorage.getItem(LOOK) ?? undefined));
  return { theme, language };
}

/** Whether the page is dark now. */
export const isDark = signal(false);

if (typeof document !== 'undefined') {
  const system = matchMedia('(prefers-color-scheme: dark)');
  const apply = (): void => {
    const { theme } = preferences.value;
    isDark.value = theme === 'dark' || (theme === 'system' && system.matches);
    document.documentElement.dataset.theme = isDark.value ? 'dark' : 'light';
  };
  system.addEventListener('change', apply);
  effect(apply);
  effect(() => {
    const { theme, language, density } = preferences.value;
    localStorage.setItem(LOOK, JSON.stringify({ theme, language }));
    document.documentElement.dataset.density = density;
  });
}
