// Commands for a POSIX shell, for people to copy. Every word that is data is one word, whatever it holds, and nothing in it is run; long
// commands go on in lines of their own. Runs nothing itself.

/** What a shell reads as it stands. */
const PLAIN = /^[A-Za-z0-9_@%+=:,./-]+$/;

export const shellWord = (text: string): string => (PLAIN.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`);

/** One command: what it is, then its options, one line each. A value without an option stands as it is. */
export const shellCommand = (
  command: string,
  options: readonly (readonly [name: string, ...values: readonly string[]])[],
): readonly string[] =>
  [command, ...options.map(([name, ...values]) => `  ${[name, ...values.map(shellWord)].join(' ').trimStart()}`)].map(
    (line, index) => (index === options.length ? line : `${line} \\`),
  );
