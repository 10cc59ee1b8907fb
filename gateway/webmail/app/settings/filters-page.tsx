import { useEffect, useState } from 'preact/hooks';
import { IconButton, Spinner } from '../components/button.tsx';
import { confirmFirst } from '../components/dialog.tsx';
import { t } from '../i18n/i18n.ts';
import { failed } from '../state/failed.ts';
import { getSettings, readJson, SettingRefused, setSettings } from '../state/settings.ts';
import { showToast } from '../state/toasts.ts';
import { compileRules, readRules } from './filters/compile.ts';
import type { Rule } from './filters/rule.ts';
import { RuleDialog } from './filters/rule-dialog.tsx';
import { ScriptEditor } from './filters/script-editor.tsx';
import { Section } from './parts.tsx';

/** The script that the rules are compiled to. */
const OWN_SCRIPT = 'webmail';

interface Scripts {
  readonly active: string;
  readonly texts: ReadonlyMap<string, string>;
  readonly error: { readonly line?: number; readonly message?: string };
}

async function loadScripts(): Promise<Scripts> {
  const found = await getSettings(['sieve', 'sieve-active', 'sieve-error']);
  const texts = new Map(
    [...found].flatMap(([name, value]) => (name.startsWith('sieve/') ? [[name.slice(6), value] as const] : [])),
  );
  return { active: found.get('sieve-active') ?? '', texts, error: readJson(found.get('sieve-error')) };
}

/** What becomes of mail when it comes: rules, or a script of the user's own. */
export function FiltersPage() {
  const [scripts, setScripts] = useState<Scripts | undefined>(undefined);
  const [byHand, setByHand] = useState(false);
  const load = async (): Promise<void> => {
    const found = await loadScripts();
    setScripts(found);
    setByHand(nameOf(found) !== OWN_SCRIPT || rulesOf(found) === undefined);
  };
  useEffect(() => void load().catch(failed), []);
  if (scripts === undefined) return <Spinner label={t('app.loading')} />;
  const rules = rulesOf(scripts);
  const save = async (text: string): Promise<void> => {
    const name = nameOf(scripts);
    await setSettings({ [`sieve/${name}`]: text });
    await setSettings({ 'sieve-active': name });
    await load();
    showToast({ kind: 'done', text: t('settings.saved') });
  };
  return (
    <Section title={t('settings.filters')} hint={t('settings.filtersHint')}>
      {scripts.error.message !== undefined && (
        <p class="settings-warning" role="status">
          {t('settings.scriptFailed', { line: scripts.error.line ?? 0, why: scripts.error.message })}{' '}
          <button
            type="button"
            class="link-button"
            onClick={() => void setSettings({ 'sieve-error': null }).then(load, failed)}
          >
            {t('settings.forget')}
          </button>
        </p>
      )}
      {byHand || rules === undefined ? (
        <ScriptEditor text={scripts.texts.get(nameOf(scripts)) ?? ''} onSave={save} />
      ) : (
        <RuleList rules={rules} onSave={(list) => save(compileRules(list))} />
      )}
      {rules !== undefined && (
        <button type="button" class="link-button" onClick={() => setByHand(!byHand)}>
          {t(byHand ? 'settings.asRules' : 'settings.asScript')}
        </button>
      )}
    </Section>
  );
}

/** The active script, whoever made it, so that nothing that works now is switched off. */
const nameOf = ({ active }: Scripts): string => active || OWN_SCRIPT;
const rulesOf = (scripts: Scripts): readonly Rule[] | undefined => readRules(scripts.texts.get(nameOf(scripts)) ?? '');

function RuleList({
  rules,
  onSave,
}: {
  readonly rules: readonly Rule[];
  readonly onSave: (rules: readonly Rule[]) => Promise<void>;
}) {
  const [edited, setEdited] = useState<number | undefined>(undefined);
  const put = (list: readonly Rule[]): void => void onSave(list).catch(failed);
  const move = (from: number, to: number): void => {
    const list = [...rules];
    const [moved] = list.splice(from, 1);
    if (moved === undefined) return;
    list.splice(to, 0, moved);
    put(list);
  };
  const remove = async (index: number): Promise<void> => {
    if (!(await confirmFirst(t('settings.removeRule', { name: rules[index]?.name ?? '' }), t('settings.remove'))))
      return;
    put(rules.filter((_, each) => each !== index));
  };
  const saveRule = async (rule: Rule): Promise<string> => {
    const list =
      edited === rules.length ? [...rules, rule] : rules.map((each, index) => (index === edited ? rule : each));
    try {
      await onSave(list);
      setEdited(undefined);
      return '';
    } catch (error) {
      if (!(error instanceof SettingRefused)) throw error;
      return error.message;
    }
  };
  return (
    <>
      {rules.length === 0 && <p class="quiet">{t('settings.noRules')}</p>}
      <ol class="plain-list">
        {rules.map((rule, index) => (
          <li key={index} class="settings-row">
            <label class="switch">
              <input
                type="checkbox"
                checked={rule.enabled}
                onChange={({ currentTarget: { checked } }) =>
                  put(rules.map((each) => (each === rule ? { ...rule, enabled: checked } : each)))
                }
              />
              <strong>{rule.name}</strong>
            </label>
            <IconButton
              icon="arrowUp"
              label={t('settings.ruleUp', { name: rule.name })}
              disabled={index === 0}
              onClick={() => move(index, index - 1)}
            />
            <IconButton
              icon="drafts"
              label={t('settings.editOf', { name: rule.name })}
              onClick={() => setEdited(index)}
            />
            <IconButton
              icon="trash"
              label={t('compose.removeRecipient', { name: rule.name })}
              onClick={() => void remove(index).catch(failed)}
            />
          </li>
        ))}
      </ol>
      <button type="button" class="button" onClick={() => setEdited(rules.length)}>
        {t('settings.addRule')}
      </button>
      {edited !== undefined && (
        <RuleDialog rule={rules[edited]} onClose={() => setEdited(undefined)} onSave={saveRule} />
      )}
    </>
  );
}
