import { signal } from '@preact/signals';
import type { MessageKey } from '../i18n/catalogue.ts';

/** A key (`e`, `Shift+I`, `Mod+Enter`) or two in a row (`g i`), what it does, and when it may. */
export interface Shortcut {
  readonly keys: readonly string[];
  readonly name: MessageKey;
  readonly group: 'move' | 'act' | 'compose' | 'go';
  run(event: KeyboardEvent): void;
  /** Works while a text is typed as well. */
  readonly whileTyping?: boolean;
}

/** All that are in force now; those that came last go first. */
export const shortcuts = signal<readonly Shortcut[]>([]);
/** Dialogs that are open. */
let silencers = 0;
const SEQUENCE_MS = 1_200;

/** Puts shortcuts in force until the answer is called. */
export function registerShortcuts(list: readonly Shortcut[]): () => void {
  shortcuts.value = [...shortcuts.peek(), ...list];
  return () => {
    shortcuts.value = shortcuts.peek().filter((each) => !list.includes(each));
  };
}

/** Silences everything that is in force until the answer is called. */
export function silenceShortcuts(): () => void {
  silencers++;
  return () => {
    silencers--;
  };
}

export function keyOf(event: Pick<KeyboardEvent, 'key' | 'ctrlKey' | 'metaKey' | 'altKey' | 'shiftKey'>): string {
  const { key } = event;
  const named = key.length > 1;
  const mod = event.ctrlKey || event.metaKey ? 'Mod+' : '';
  const alt = event.altKey ? 'Alt+' : '';
  // A letter says by itself whether it is a capital, and a sign where it stands on the keyboard is its own affair.
  const shift = event.shiftKey && (named || /^\p{L}$/u.test(key)) ? 'Shift+' : '';
  return `${mod}${alt}${shift}${!named && /^\p{L}$/u.test(key) ? key.toLowerCase() : key}`;
}

let begun: { readonly key: string; readonly atMs: number } | undefined;

/** Runs the shortcut of a key, also for keys that were pressed in a message's frame. */
export function handleKey(event: KeyboardEvent): void {
  if (event.defaultPrevented || event.isComposing || ['Shift', 'Control', 'Alt', 'Meta'].includes(event.key)) return;
  if (silencers > 0) return;
  if (event.key === 'Enter' && isPressed(event.target)) return;
  const typing = isTyping(event.target);
  const key = keyOf(event);
  const pair = begun !== undefined && event.timeStamp - begun.atMs < SEQUENCE_MS ? `${begun.key} ${key}` : undefined;
  begun = undefined;
  const allowed = shortcuts.peek().filter((each) => !typing || each.whileTyping === true);
  const found =
    (pair === undefined ? undefined : allowed.findLast(({ keys }) => keys.includes(pair))) ??
    allowed.findLast(({ keys }) => keys.includes(key));
  if (found !== undefined) {
    event.preventDefault();
    found.run(event);
  } else if (allowed.some(({ keys }) => keys.some((each) => each.startsWith(`${key} `)))) {
    begun = { key, atMs: event.timeStamp };
  }
}

/** Whether Enter is for what has the focus, which it presses. */
const isPressed = (target: EventTarget | null): boolean =>
  target !== null &&
  'closest' in target &&
  (target as Element).closest('a, button, summary, [role^=menuitem]') !== null;

function isTyping(target: EventTarget | null): boolean {
  if (target === null || !('tagName' in target)) return false;
  const element = target as HTMLElement;
  if (element.isContentEditable || element.tagName === 'TEXTAREA' || element.tagName === 'SELECT') return true;
  return element.tagName === 'INPUT' && !['checkbox', 'radio', 'button'].includes((element as HTMLInputElement).type);
}

if (typeof document !== 'undefined') document.addEventListener('keydown', handleKey);
