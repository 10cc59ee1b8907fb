import { expect, test } from 'vitest';
import { english } from './catalogue.ts';
import { german } from './de.ts';
import { french } from './fr.ts';

/** Values that a message takes. */
const holes = (text: string): string[] => [...text.matchAll(/\{(\w+)\}/g)].map(([, name = '']) => name).sort();

test.each([
  ['de', german],
  ['fr', french],
] as const)(
  '%s has every message, none of it empty, each with the values of the English one',
  (_language, catalogue) => {
    expect(Object.keys(catalogue).sort()).toEqual(Object.keys(english).sort());
    for (const [key, text] of Object.entries(english)) {
      const own = catalogue[key as keyof typeof english];
      expect(own.trim(), key).not.toBe('');
      // A form for exactly one may leave the number out.
      if (!key.endsWith('.one')) expect(holes(own), key).toEqual(holes(text));
    }
  },
);

test('every message with a form for one has a form for others', () => {
  for (const key of Object.keys(english))
    if (key.endsWith('.one')) expect(english).toHaveProperty([key.replace(/one$/, 'other')]);
});
