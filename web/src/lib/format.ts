/** How figures are written: one place, so that the same thing looks the same everywhere. */

const whole = new Intl.NumberFormat('en-US', { maximumFractionDigits: 0 })
const tenth = new Intl.NumberFormat('en-US', { minimumFractionDigits: 1, maximumFractionDigits: 1 })

/** Intl formats decimal strings exactly; the type of older libraries knows only numbers. */
const exact = (format: Intl.NumberFormat, decimal: string) => format.format(decimal as unknown as number)

const byCurrency = new Map<string, Intl.NumberFormat>()
function currencyFormat(currency: string, digits: readonly [number, number]): Intl.NumberFormat {
  const key = `${currency}${digits}`
  const options = { style: 'currency', currency, minimumFractionDigits: digits[0], maximumFractionDigits: digits[1] } as const
  const format = byCurrency.get(key) ?? new Intl.NumberFormat('en-US', options)
  byCurrency.set(key, format)
  return format
}

/** `27,500` */
export const number = (value: number) => whole.format(value)

/** Megawatts to one decimal. */
export const megawatts = (value: number | string) => tenth.format(Number(value))

/** Power with its unit; kilowatts where megawatts would say nothing. */
export const power = (mw: number | string) => (Number(mw) > 0 && Number(mw) < 0.1 ? `${tenth.format(Number(mw) * 1000)} kW` : `${megawatts(mw)} MW`)

/** Money to the cent. */
export const money = (amount: string, currency: string) => exact(currencyFormat(currency, [2, 2]), amount)

/** A rate per GPU-hour, to the tenth of a cent where it has one. */
export const rate = (amount: string, currency: string) => exact(currencyFormat(currency, [2, 3]), amount)

/** Money for charts and heads: `$338.2 M`. */
export function moneyRoughly(amount: number, currency: string): string {
  const [scale, letter] = ([[1e9, ' bn'], [1e6, ' M'], [1e3, ' k']] as const).find(([scale]) => Math.abs(amount) >= scale) ?? [1, '']
  return currencyFormat(currency, scale === 1 ? [2, 2] : [1, 1]).format(amount / scale) + letter
}

export const percent = (share: number) => `${share > 0 && share < 0.1 ? tenth.format(share * 100) : whole.format(share * 100)} %`

/** `1 unit`, `2 units` */
export const count = (value: number, noun: string, nouns = `${noun}s`) => `${number(value)} ${value === 1 ? noun : nouns}`

/** `recall.callable` → `recall callable`, `own_use` → `own use` */
export const words = (name: string) => name.replace(/[._-]/g, ' ')

export const sentence = (text: string) => text.charAt(0).toUpperCase() + text.slice(1)

/** The head and the tail of an id or hash: `lease_01m7…2t4g`. */
export function short(id: string): string {
  const prefix = id.indexOf('_') + 1
  return id.length - prefix > 12 ? `${id.slice(0, prefix + 4)}…${id.slice(-4)}` : id
}

/** Ids within a text, shortened. */
export const shortIds = (text: string) => text.replace(/\b[a-z]+_[0-9a-z]{26}\b/g, short)

export function bytes(size: number): string {
  return size < 1024 ? `${size} B` : size < 1024 ** 2 ? `${number(size / 1024)} kB` : `${tenth.format(size / 1024 ** 2)} MB`
}

const countries = new Intl.DisplayNames('en', { type: 'region' })

/** `NO` → `Norway`; a place without a country is in orbit. */
export const country = (code: string | null | undefined) => (code ? (countries.of(code) ?? code) : 'in orbit')
