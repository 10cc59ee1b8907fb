import { type Language, language, setLanguage, t } from '../i18n.ts';

export function LanguageChoice() {
  return (
    <select
      class="language"
      aria-label={t('Language')}
      value={language.value}
      onChange={(event) => setLanguage(event.currentTarget.value as Language)}
    >
      <option value="en">English</option>
      <option value="de">Deutsch</option>
      <option value="fr">Français</option>
    </select>
  );
}
