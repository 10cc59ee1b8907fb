import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { AppUnderTest } from './app-under-test.ts';
import { actingFeatures } from './features/acting.ts';
import { composingFeatures } from './features/composing.ts';
import { installingFeatures } from './features/installing.ts';
import { keyboardFeatures } from './features/keyboard.ts';
import { longListFeatures } from './features/long-list.ts';
import { lookFeatures } from './features/look.ts';
import { readingFeatures } from './features/reading.ts';
import { settingsFeatures } from './features/settings.ts';

/** The web app in Debian's Chromium on one running stack: what it offers is used, and what became of it is read by IMAP. */
let app: AppUnderTest;
beforeAll(async () => {
  app = await AppUnderTest.start();
}, 240_000);
afterAll(() => app?.stop(), 120_000);

describe('reading', () => readingFeatures(() => app));
describe('acting', () => actingFeatures(() => app));
describe('composing', () => composingFeatures(() => app));
describe('settings', () => settingsFeatures(() => app));
describe('keyboard', () => keyboardFeatures(() => app));
describe('installing', () => installingFeatures(() => app));
describe('look', () => lookFeatures(() => app));
describe('a long list', () => longListFeatures(() => app));

test('no script threw, and nothing that the page’s policy refuses was tried', () => {
  expect(app.browser.errors).toEqual([]);
});
