// Names in Terraform of what is printed: made of the operator's own words, of the characters that are taken there, and never one for two
// things.

/** A name that is not among those taken; it is then. */
export function labelOf(text: string, taken: Set<string>): string {
  const plain = text.replace(/[^A-Za-z0-9_]/g, '_').replace(/^(?=[0-9])/, '_');
  let label = plain;
  for (let number = 2; taken.has(label); number += 1) label = `${plain}_${number}`;
  taken.add(label);
  return label;
}
