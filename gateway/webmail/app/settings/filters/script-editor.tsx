import { useRef, useState } from 'preact/hooks';
import { t } from '../../i18n/i18n.ts';
import { failed } from '../../state/failed.ts';
import { SettingRefused } from '../../state/settings.ts';

/** A Sieve script as text. What the store says of it names the line, which is marked. */
export function ScriptEditor({
  text,
  onSave,
}: {
  readonly text: string;
  readonly onSave: (text: string) => Promise<void>;
}) {
  const area = useRef<HTMLTextAreaElement>(null);
  const [problem, setProblem] = useState('');
  const save = async (): Promise<void> => {
    const element = area.current;
    if (element === null) return;
    try {
      await onSave(element.value);
      setProblem('');
    } catch (error) {
      if (!(error instanceof SettingRefused)) return failed(error);
      setProblem(error.message);
      const line = Number(/line (\d+)/i.exec(error.message)?.[1] ?? 0);
      if (line > 0) selectLine(element, line);
    }
  };
  return (
    <div class="settings-form">
      <label class="field">
        {t('settings.script')}
        <textarea
          ref={area}
          class="script"
          rows={16}
          spellcheck={false}
          defaultValue={text}
          aria-invalid={problem !== ''}
        />
      </label>
      <p class="problem" role="alert">
        {problem}
      </p>
      <div class="dialog-actions">
        <button type="button" class="button button-primary" onClick={() => void save()}>
          {t('settings.save')}
        </button>
      </div>
    </div>
  );
}

function selectLine(element: HTMLTextAreaElement, line: number): void {
  const lines = element.value.split('\n');
  const from = lines.slice(0, line - 1).join('\n').length + (line > 1 ? 1 : 0);
  element.focus();
  element.setSelectionRange(from, from + (lines[line - 1] ?? '').length);
}
