/** The orders of a page's tables, in one text for the address: `offers.-GPUs;leases.Until`. */

const slug = (table: string) => table.toLowerCase().replace(/[^a-z0-9]+/g, '-')

const parse = (text: string | undefined) => (text ?? '').split(';').flatMap((one) => (one.includes('.') ? [[one.slice(0, one.indexOf('.')), one.slice(one.indexOf('.') + 1)] as const] : []))

export const orderOf = (text: string | undefined, table: string) => parse(text).find(([name]) => name === slug(table))?.[1]

export const withOrder = (text: string | undefined, table: string, sort: string) =>
  [...parse(text).filter(([name]) => name !== slug(table)), [slug(table), sort]].map(([name, sort]) => `${name}.${sort}`).join(';')
