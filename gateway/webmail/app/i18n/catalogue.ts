import { composeEn } from './catalogues/compose.en.ts';
import { mailEn } from './catalogues/mail.en.ts';
import { settingsEn } from './catalogues/settings.en.ts';

/** English is in the first load: it is what a language lacks nothing of, because types and a test compare the others with it. */
export const english = { ...mailEn, ...composeEn, ...settingsEn } as const;

export type MessageKey = keyof typeof english;
export type Catalogue = Readonly<Record<MessageKey, string>>;
/** The other languages' part of an area, which must have the keys of the English one. */
export type Translation<T> = { readonly [K in keyof T]: string };
/** Keys that have a form for one and a form for others. */
export type PluralKey = MessageKey extends infer K ? (K extends `${infer Base}.other` ? Base : never) : never;
