// Texts with parameters, `<name>`: where they stand, and the text that values make of them. A value is put in as it is, once; what
// it holds is not looked at again, so that no value can bring a parameter or a wildcard of its own. Who may bind which is policy's.

const PARAMETER = /<([A-Za-z][A-Za-z0-9_-]{0,62})>/g;

export type Parameters = Readonly<Record<string, string>>;

/** The parameters of a text, in the order of their first occurrence. */
export const parametersIn = (text: string): readonly string[] =>
  text.includes('<') ? [...new Set([...text.matchAll(PARAMETER)].map(([, name = '']) => name))] : [];

/** A text in pieces: the literals, one more than there are parameters, and the name between each two of them. */
export function piecesOf(text: string): { readonly literals: readonly string[]; readonly names: readonly string[] } {
  const literals: string[] = [];
  const names: string[] = [];
  let end = 0;
  for (const { index, 0: whole, 1: name = '' } of text.matchAll(PARAMETER)) {
    literals.push(text.slice(end, index));
    names.push(name);
    end = index + whole.length;
  }
  return { literals: [...literals, text.slice(end)], names };
}

/** The text with these values. A parameter that has none stays as it is written. */
export const render = (text: string, values: Parameters): string =>
  text.includes('<')
    ? text.replace(PARAMETER, (whole, name: string) => (Object.hasOwn(values, name) ? (values[name] ?? '') : whole))
    : text;
