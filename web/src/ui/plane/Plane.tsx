import { useElementSize, useMergedRef } from '@mantine/hooks'
import { type KeyboardEvent, type PointerEvent, type ReactNode, useEffect, useMemo, useRef, useState } from 'react'
import { clamp, contains, type Direction, freeAt, moved, neighbour, type Shape, timeAt, unitAt, type View, zoomTime, zoomUnits } from '../../lib/plane'
import { type Step, sumOf } from '../../lib/steps'
import { draw, MARGIN, type Palette, paletteOf } from './draw'

type Props = {
  /** What it is the plane of, for those who hear it. */
  label: string
  units: number
  shapes: Shape[]
  now: number
  /** All that there is to see. */
  bounds: View
  /** What is seen; the caller keeps it, so that it can set it. */
  view: View
  onView: (view: View) => void
  onOpen: (shape: Shape) => void
  /** Dragging marks a rectangle instead of moving the plane; so it does while B is held. */
  isMarking?: boolean
  onMark?: (marked: View) => void
  /** What stands beside the pointer: a shape, or free space at an instant. */
  tell: (at: number, unit: number, shape: Shape | undefined, free: () => { free: number; run: number }) => ReactNode
  height?: number
}

type Drag = { x: number; y: number; view: View; marks: boolean; moved: boolean }

/**
 * Units × time on a canvas. Wheel zooms time, with shift units; dragging moves; arrow keys walk the
 * rectangles, Enter opens one, + and − zoom.
 *
 * The view is drawn from a ref, once per frame, so that moving it costs no rendering.
 */
export function Plane({ label, units, shapes, now, bounds, view: given, onView, onOpen, isMarking, onMark, tell, height = 520 }: Props) {
  const canvas = useRef<HTMLCanvasElement>(null)
  const { ref: sizeRef, width } = useElementSize()
  const ref = useMergedRef(sizeRef)
  const view = useRef(given)
  const drag = useRef<Drag | undefined>(undefined)
  const frame = useRef(0)
  const isBlockKey = useRef(false)
  const marked = useRef<View | undefined>(undefined)
  const [focus, setFocus] = useState<Shape>()
  const [pointer, setPointer] = useState<{ x: number; y: number; at: number; unit: number }>()
  const sold = useMemo<Step[]>(() => soldOver(shapes, bounds), [shapes, bounds])
  const size = { width, height }
  const box = { width: width - MARGIN.left - MARGIN.right, height: height - MARGIN.top - MARGIN.bottom }

  const paint = useRef(() => {})
  const palette = useRef<{ scheme: string; of: Palette } | undefined>(undefined)
  const redraw = () => {
    if (frame.current) return
    frame.current = requestAnimationFrame(() => {
      frame.current = 0
      paint.current()
    })
  }
  useEffect(() => {
    paint.current = () => {
      const element = canvas.current
      const context = element?.getContext('2d')
      if (!element || !context || width === 0) return
      const ratio = window.devicePixelRatio || 1
      if (element.width !== Math.round(width * ratio) || element.height !== Math.round(height * ratio)) {
        element.width = Math.round(width * ratio)
        element.height = Math.round(height * ratio)
      }
      context.setTransform(ratio, 0, 0, ratio, 0, 0)
      const scheme = document.documentElement.dataset.mantineColorScheme ?? ''
      if (palette.current?.scheme !== scheme) palette.current = { scheme, of: paletteOf(element, context) }
      draw(context, { width, height }, view.current, { shapes, sold, units, now, focus, marked: marked.current }, palette.current.of)
      element.dataset.frames = String(Number(element.dataset.frames ?? 0) + 1)
    }
    redraw()
  })
  useEffect(() => {
    view.current = given
    redraw()
  }, [given])
  useEffect(() => {
    const observer = new MutationObserver(redraw)
    observer.observe(document.documentElement, { attributeFilter: ['data-mantine-color-scheme'] })
    return () => observer.disconnect()
  }, [])

  /** Shows another part at once, and tells it when nothing has changed for a moment. */
  const settle = useRef<ReturnType<typeof setTimeout>>(undefined)
  const show = (next: View) => {
    view.current = clamp(next, bounds)
    redraw()
    clearTimeout(settle.current)
    settle.current = setTimeout(() => onView(view.current), 120)
  }

  // React listens to wheels passively; this one keeps the page from scrolling.
  const wheel = useRef<(event: WheelEvent) => void>(() => {})
  useEffect(() => {
    wheel.current = (event) => {
      event.preventDefault()
      const [px, py] = [event.offsetX - MARGIN.left, event.offsetY - MARGIN.top]
      const delta = event.deltaY || event.deltaX
      const factor = Math.exp(Math.sign(delta) * Math.min(0.25, Math.abs(delta) / 400))
      show(event.shiftKey ? zoomUnits(view.current, unitAt(view.current, box, py), factor) : zoomTime(view.current, timeAt(view.current, box, px), factor))
    }
  })
  useEffect(() => {
    const element = canvas.current
    const listen = (event: WheelEvent) => wheel.current(event)
    element?.addEventListener('wheel', listen, { passive: false })
    return () => element?.removeEventListener('wheel', listen)
  }, [])

  const place = (event: PointerEvent) => {
    const frame = event.currentTarget.getBoundingClientRect()
    return { x: event.clientX - frame.left - MARGIN.left, y: event.clientY - frame.top - MARGIN.top }
  }
  const down = (event: PointerEvent<HTMLCanvasElement>) => {
    event.currentTarget.setPointerCapture(event.pointerId)
    drag.current = { ...place(event), view: view.current, marks: Boolean(onMark) && (Boolean(isMarking) || isBlockKey.current), moved: false }
  }
  const move = (event: PointerEvent) => {
    const at = place(event)
    const from = drag.current
    if (!from) return setPointer({ ...at, at: timeAt(view.current, box, at.x), unit: unitAt(view.current, box, at.y) })
    const [dx, dy] = [at.x - from.x, at.y - from.y]
    if (!from.moved && Math.hypot(dx, dy) < 4) return
    if (!from.moved) setPointer(undefined)
    from.moved = true
    if (from.marks) {
      const times = [timeAt(view.current, box, from.x), timeAt(view.current, box, at.x)].sort((a, b) => a - b) as [number, number]
      const rows = [unitAt(view.current, box, from.y), unitAt(view.current, box, at.y)].sort((a, b) => a - b) as [number, number]
      marked.current = { from: times[0], to: times[1], low: Math.max(0, Math.floor(rows[0])), high: Math.min(units, Math.ceil(rows[1])) }
      return redraw()
    }
    const perX = (from.view.to - from.view.from) / box.width
    const perY = (from.view.high - from.view.low) / box.height
    show(moved(from.view, -dx * perX, dy * perY))
  }
  const up = (event: PointerEvent) => {
    const from = drag.current
    drag.current = undefined
    if (!from) return
    if (!from.moved) {
      const at = place(event)
      const hit = shapes.find((shape) => contains(shape, timeAt(view.current, box, at.x), unitAt(view.current, box, at.y)))
      setFocus(hit)
      if (hit?.subject) onOpen(hit)
    } else if (from.marks && marked.current) {
      onMark?.(marked.current)
      marked.current = undefined
      redraw()
    }
  }
  const key = (event: KeyboardEvent) => {
    const middle = { at: (view.current.from + view.current.to) / 2, unit: (view.current.low + view.current.high) / 2 }
    const keys: Record<string, () => void> = {
      '+': () => show(zoomTime(view.current, middle.at, 0.7)),
      '=': () => show(zoomTime(view.current, middle.at, 0.7)),
      '-': () => show(zoomTime(view.current, middle.at, 1.4)),
      Enter: () => focus?.subject && onOpen(focus),
      Escape: () => setFocus(undefined),
    }
    if (event.key.startsWith('Arrow')) {
      event.preventDefault()
      const next = neighbour(shapes, focus, event.key as Direction, view.current)
      if (!next) return
      setFocus(next)
      // A rectangle that one walks to comes into sight.
      const span = view.current.to - view.current.from
      if (next.from >= view.current.to || next.to <= view.current.from) show({ ...view.current, from: Math.max(next.from, bounds.from) - span / 10, to: Math.max(next.from, bounds.from) + (span * 9) / 10 })
    } else if (event.key.toLowerCase() === 'b') isBlockKey.current = true
    else keys[event.key]?.()
  }

  const isOn = pointer && pointer.x >= 0 && pointer.x <= box.width && pointer.y >= 0 && pointer.y <= box.height
  const hovered = isOn ? shapes.find((shape) => contains(shape, pointer.at, pointer.unit)) : undefined
  return (
    <div ref={ref} className="plane">
      <canvas
        ref={canvas}
        role="application"
        aria-roledescription="plane of units and time"
        aria-label={`${label}. Arrow keys walk the rectangles, Enter opens one, plus and minus zoom. The table says the same.`}
        tabIndex={0}
        style={{ width: size.width || '100%', height, cursor: isMarking ? 'crosshair' : hovered?.subject ? 'pointer' : 'grab' }}
        onPointerDown={down}
        onPointerMove={move}
        onPointerUp={up}
        onPointerLeave={() => setPointer(undefined)}
        onKeyDown={key}
        onKeyUp={() => (isBlockKey.current = false)}
        onBlur={() => (isBlockKey.current = false)}
      />
      {pointer && isOn && (
        <div className="hover" style={{ left: Math.min(pointer.x + MARGIN.left + 14, width - 250), top: Math.min(pointer.y + MARGIN.top + 14, height - 90) }}>
          {tell(pointer.at, pointer.unit, hovered, () => freeAt(shapes, units, pointer.at))}
        </div>
      )}
      <div className="told" role="status">
        {focus && tell(Math.max(focus.from, given.from), focus.low, focus, () => freeAt(shapes, units, focus.from))}
      </div>
    </div>
  )
}

/** The units that are leased over time. */
function soldOver(shapes: Shape[], bounds: View): Step[] {
  const iso = (at: number) => new Date(Math.min(bounds.to, Math.max(bounds.from, at))).toISOString()
  return sumOf(shapes.filter(({ tone }) => tone === 'run' || tone === 'sched' || tone === 'bad').map(({ from, to, low, high }) => ({ from: iso(from), to: iso(to), value: high - low })))
}
