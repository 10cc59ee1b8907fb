import type { Catalogue } from './catalogue.ts';
import { mailFr } from './catalogues/mail.fr.ts';

export const french: Catalogue = { ...mailFr };
