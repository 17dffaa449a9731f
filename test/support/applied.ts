// What `setup` prints, as whoever copies it applies it: commands in a real shell, whose tools write down the words that they were given, and
// Terraform's own formatter and evaluation where Terraform is installed.

import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** The words of every command that a script ran, by the tools that it may run. Throws where the shell does not take it. */
export function wordsOf(script: readonly string[], tools: readonly string[]): readonly (readonly string[])[] {
  const folder = mkdtempSync(join(tmpdir(), 'exchequer-applied-'));
  const said = join(folder, 'said');
  try {
    for (const tool of tools)
      writeFileSync(
        join(folder, tool),
        `#!/bin/sh\nprintf '%s\\0' ${tool} "$@" >> ${said}\nprintf '\\1' >> ${said}\n`,
        { mode: 0o755 },
      );
    writeFileSync(said, '');
    execFileSync('/bin/sh', ['-eu', '-c', script.join('\n')], { cwd: folder, env: { PATH: folder } });
    return readFileSync(said, 'utf8')
      .split('\x01')
      .slice(0, -1)
      .map((command) => command.split('\0').slice(0, -1));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The words behind an option, up to the next. */
export function optionOf(words: readonly string[], option: string): readonly string[] {
  const start = words.indexOf(option) + 1;
  if (start === 0) throw new Error(`${option} is not in ${words.join(' ')}`);
  const length = words.slice(start).findIndex((word) => word.startsWith('--'));
  return words.slice(start, length < 0 ? undefined : start + length);
}

const TERRAFORM_ENV = { ...process.env, TF_CLI_CONFIG_FILE: '/dev/null', CHECKPOINT_DISABLE: '1' };

export const hasTerraform = spawnSync('terraform', ['version'], { env: TERRAFORM_ENV }).status === 0;

/** As `terraform fmt` leaves it. Throws where it is no Terraform. */
export const formatted = (text: string): string =>
  execFileSync('terraform', ['fmt', '-'], { env: TERRAFORM_ENV, input: text, encoding: 'utf8' });

/**
 * The attributes of every block, as Terraform itself evaluates them, by `type.label`: no provider is at hand, so that blocks are made objects,
 * and references texts.
 */
export function evaluated(text: string): Readonly<Record<string, Readonly<Record<string, unknown>>>> {
  const folder = mkdtempSync(join(tmpdir(), 'exchequer-terraform-'));
  try {
    const labels: string[] = [];
    const values = text
      .replace(/^(?:resource|data) "([a-z_]+)" "([A-Za-z0-9_]+)" \{$/gm, (_, type, label) => {
        labels.push(`${type}.${label}`);
        return `output "o${labels.length - 1}" {\n  value = {`;
      })
      .replace(/^\}$/gm, '}\n}')
      .replace(/^ {2}([a-z_]+) \{$/gm, '  $1 = {')
      .replace(/(?<== )((?:data\.)?[a-z]+_[a-z_]+\.[A-Za-z0-9_]+\.[a-z_]+|aws\.[a-z0-9_]+)$/gm, '"$1"');
    writeFileSync(join(folder, 'main.tf'), values);
    const run = (...words: readonly string[]) =>
      execFileSync('terraform', words, { cwd: folder, env: TERRAFORM_ENV, encoding: 'utf8' });
    run('init', '-no-color');
    run('apply', '-auto-approve', '-no-color');
    const outputs: Record<string, { value: Record<string, unknown> }> = JSON.parse(run('output', '-json'));
    return Object.fromEntries(labels.map((label, index) => [label, outputs[`o${index}`]?.value ?? {}]));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
