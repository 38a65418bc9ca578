/** Draws a plane on a canvas. Called for every frame: it makes no objects per shape. */

import type { Step } from '../../lib/steps'
import { type Box, roundMarks, type Shape, type Tone, type View, x, y } from '../../lib/plane'
import { month, monthsBetween, shortDay } from '../../lib/time'

/** Room for the names of units, of months, and for the share that is sold. */
export const MARGIN = { left: 58, top: 24, right: 10, bottom: 74 }
const SOLD = 44

export type Palette = Record<Tone, string | CanvasPattern> & { text: string; dim: string; line: string; free: string; accent: string; on: string; shade: string; edge: string; font: string }

const css = (element: Element, name: string) => getComputedStyle(element).getPropertyValue(name).trim()

/** Stripes, for what is not available. */
function stripes(context: CanvasRenderingContext2D, color: string, under: string, wide: number): CanvasPattern | string {
  const tile = document.createElement('canvas')
  tile.width = tile.height = 8
  const to = tile.getContext('2d')
  if (!to) return color
  to.fillStyle = under
  to.fillRect(0, 0, 8, 8)
  to.strokeStyle = color
  to.lineWidth = wide
  for (const shift of [-8, 0, 8]) {
    to.beginPath()
    to.moveTo(shift - 2, 10)
    to.lineTo(shift + 10, -2)
    to.stroke()
  }
  return context.createPattern(tile, 'repeat') ?? color
}

/** The colours of the present scheme. */
export function paletteOf(canvas: HTMLCanvasElement, context: CanvasRenderingContext2D): Palette {
  const of = (name: string) => css(canvas, name)
  return {
    run: of('--run-fill'), sched: of('--sched-fill'), bad: of('--bad-fill'), own: of('--own-fill'), taken: of('--hatch'),
    hold: stripes(context, of('--sched-fill'), of('--sched-bg'), 3),
    maintenance: stripes(context, of('--wait-fill'), of('--wait-bg'), 3),
    fault: stripes(context, of('--bad-fill'), of('--bad-bg'), 3),
    undelivered: stripes(context, of('--hatch'), of('--free'), 1),
    cut: stripes(context, of('--bad'), 'transparent', 3),
    text: of('--text'), dim: of('--dim'), line: of('--line2'), free: of('--free'), accent: of('--accent'), on: '#fff', shade: of('--accent-bg'), edge: of('--bad'), font: css(document.body, 'font-family'),
  }
}

export type Scene = { shapes: Shape[]; sold: Step[]; units: number; now: number; focus?: Shape; marked?: View }

export function draw(context: CanvasRenderingContext2D, size: Box, view: View, scene: Scene, palette: Palette) {
  const box = { width: size.width - MARGIN.left - MARGIN.right, height: size.height - MARGIN.top - MARGIN.bottom }
  context.clearRect(0, 0, size.width, size.height)
  context.save()
  context.translate(MARGIN.left, MARGIN.top)
  axes(context, box, view, palette)
  context.save()
  context.beginPath()
  context.rect(0, 0, box.width, box.height)
  context.clip()
  for (const shape of scene.shapes) fill(context, box, view, shape, palette)
  context.font = `600 12px ${palette.font}`
  context.textBaseline = 'top'
  for (const shape of scene.shapes) name(context, box, view, shape, palette)
  for (const shape of scene.shapes) if (shape.tone === 'cut') outline(context, box, view, shape, palette.edge)
  if (scene.focus) outline(context, box, view, scene.focus, palette.text)
  if (scene.marked) mark(context, box, view, scene.marked, palette)
  context.restore()
  sold(context, box, view, scene, palette)
  present(context, box, view, scene.now, palette)
  context.restore()
}

function axes(context: CanvasRenderingContext2D, box: Box, view: View, palette: Palette) {
  context.fillStyle = palette.free
  context.fillRect(0, 0, box.width, box.height)
  context.font = `12px ${palette.font}`
  context.fillStyle = palette.dim
  context.strokeStyle = palette.line
  context.lineWidth = 1
  context.beginPath()
  const isLong = view.to - view.from > 70 * 86_400_000
  const marks = isLong ? monthsBetween(view.from, view.to, 14) : roundDays(view)
  context.textBaseline = 'alphabetic'
  context.textAlign = 'left'
  for (const at of marks) {
    const px = Math.round(x(view, box, at)) + 0.5
    context.moveTo(px, 0)
    context.lineTo(px, box.height)
    context.fillText(isLong ? month(at) : shortDay(at), px + 3, -8)
  }
  context.textAlign = 'right'
  context.textBaseline = 'middle'
  for (const unit of roundMarks(view.low, view.high, 6)) {
    const py = Math.round(y(view, box, unit)) + 0.5
    context.moveTo(0, py)
    context.lineTo(box.width, py)
    context.fillText(unit.toLocaleString('en-US'), -8, py)
  }
  context.textAlign = 'left'
  context.stroke()
}

function roundDays(view: View): number[] {
  const days = Math.max(1, Math.ceil((view.to - view.from) / 86_400_000 / 10))
  const at = new Date(view.from)
  at.setHours(0, 0, 0, 0)
  const marks: number[] = []
  for (at.setDate(at.getDate() + 1); at.getTime() < view.to; at.setDate(at.getDate() + days)) marks.push(at.getTime())
  return marks
}

function fill(context: CanvasRenderingContext2D, box: Box, view: View, shape: Shape, palette: Palette) {
  if (shape.to <= view.from || shape.from >= view.to || shape.high <= view.low || shape.low >= view.high) return
  const left = Math.max(-2, x(view, box, shape.from))
  const right = Math.min(box.width + 2, x(view, box, shape.to))
  const top = y(view, box, shape.high)
  const bottom = y(view, box, shape.low)
  context.fillStyle = palette[shape.tone]
  // A hair between neighbours, as long as there is room for one.
  const gap = bottom - top > 3 ? 1 : 0
  context.fillRect(left, top, Math.max(1, right - left - (right - left > 3 ? 1 : 0)), Math.max(0.75, bottom - top - gap))
}

function name(context: CanvasRenderingContext2D, box: Box, view: View, shape: Shape, palette: Palette) {
  if (shape.to <= view.from || shape.from >= view.to) return
  const left = Math.max(0, x(view, box, shape.from))
  const room = Math.min(box.width, x(view, box, shape.to)) - left - 12
  const top = Math.max(0, y(view, box, shape.high))
  const tall = Math.min(box.height, y(view, box, shape.low)) - top
  if (room < 40 || tall < 16) return
  const isStriped = typeof palette[shape.tone] !== 'string'
  let text = shape.label
  while (text.length > 3 && context.measureText(text).width > room) text = `${text.slice(0, Math.floor(text.length * 0.8) - 1).trimEnd()}…`
  if (isStriped) {
    context.fillStyle = palette.free
    context.fillRect(left + 4, top + 3, context.measureText(text).width + 8, 17)
  }
  context.fillStyle = isStriped || shape.tone === 'taken' ? palette.text : palette.on
  context.fillText(text, left + 8, top + 6)
}

function outline(context: CanvasRenderingContext2D, box: Box, view: View, shape: Shape, color: string) {
  if (shape.to <= view.from || shape.from >= view.to || shape.high <= view.low || shape.low >= view.high) return
  const left = Math.max(1, x(view, box, shape.from))
  const top = Math.max(1, y(view, box, shape.high))
  context.strokeStyle = color
  context.lineWidth = 2
  context.strokeRect(left, top, Math.min(box.width - 1, x(view, box, shape.to)) - left, Math.max(2, Math.min(box.height - 1, y(view, box, shape.low)) - top))
}

function mark(context: CanvasRenderingContext2D, box: Box, view: View, marked: View, palette: Palette) {
  context.strokeStyle = palette.accent
  context.lineWidth = 1.5
  const left = x(view, box, marked.from)
  const top = y(view, box, marked.high)
  const [width, height] = [x(view, box, marked.to) - left, y(view, box, marked.low) - top]
  context.globalAlpha = 0.4
  context.fillStyle = palette.shade
  context.fillRect(left, top, width, height)
  context.globalAlpha = 1
  context.strokeRect(left, top, width, height)
}

/** The share that is leased, over time, below the plane. */
function sold(context: CanvasRenderingContext2D, box: Box, view: View, { sold, units }: Scene, palette: Palette) {
  const base = box.height + MARGIN.bottom - 6
  const level = (value: number) => base - (value / units) * SOLD
  context.font = `12px ${palette.font}`
  context.textBaseline = 'alphabetic'
  context.beginPath()
  context.moveTo(0, base)
  let height = base
  let began = false
  for (const step of sold) {
    const px = x(view, box, step.at)
    if (px > 0 && !began) {
      context.lineTo(0, height)
      began = true
    }
    if (px > box.width) break
    if (px > 0) {
      context.lineTo(px, height)
      context.lineTo(px, level(step.value))
    }
    height = level(step.value)
  }
  context.lineTo(began ? box.width : 0, height)
  if (!began) context.lineTo(box.width, height)
  context.lineTo(box.width, base)
  context.fillStyle = palette.shade
  context.fill()
  context.strokeStyle = palette.sched as string
  context.stroke()
  context.fillStyle = palette.dim
  context.fillText('leased', 4, base - SOLD - 6)
  context.textAlign = 'right'
  context.fillText('100 %', -8, base - SOLD + 4)
  context.fillText('0', -8, base)
  context.textAlign = 'left'
}

function present(context: CanvasRenderingContext2D, box: Box, view: View, now: number, palette: Palette) {
  if (now < view.from || now > view.to) return
  const px = Math.round(x(view, box, now)) + 0.5
  context.strokeStyle = palette.text
  context.lineWidth = 1.25
  context.beginPath()
  context.moveTo(px, -4)
  context.lineTo(px, box.height + MARGIN.bottom - 6)
  context.stroke()
  context.fillStyle = palette.text
  context.fillText('now', px + 4, box.height + 14)
}
