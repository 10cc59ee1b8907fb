import type { Catalogue } from './catalogue.ts';
import { mailDe } from './catalogues/mail.de.ts';

export const german: Catalogue = { ...mailDe };
