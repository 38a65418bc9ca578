import { createTheme, defaultVariantColorsResolver, NumberInput, Tooltip, type VariantColorsResolver } from '@mantine/core'

/** Filled is the one act that the page is for, or the one that cannot be undone; both take our tokens. */
const variantColorResolver: VariantColorsResolver = (input) => {
  const isBad = input.color === 'red'
  if (input.variant === 'filled') {
    const background = isBad ? 'var(--bad)' : 'var(--accent)'
    return { background, hover: `color-mix(in srgb, ${background} 88%, var(--text))`, color: 'var(--on-accent)', border: 'none' }
  }
  if (input.variant === 'subtle') {
    return { background: 'transparent', hover: 'var(--line2)', color: input.color === 'gray' ? 'var(--dim)' : 'var(--accent)', border: 'none' }
  }
  return defaultVariantColorsResolver(input)
}

/** Mantine in our look; colours are in look.css, so that both schemes are set in one place. */
export const theme = createTheme({
  fontFamily: 'var(--lh-font)',
  fontFamilyMonospace: 'var(--lh-mono)',
  fontSizes: { xs: '12px', sm: '13px', md: '14px', lg: '16px', xl: '20px' },
  defaultRadius: '7px',
  primaryColor: 'indigo',
  variantColorResolver,
  respectReducedMotion: true,
  headings: { fontWeight: '650' },
  components: {
    Button: {
      defaultProps: { size: 'sm', variant: 'default' },
      styles: { root: { fontWeight: 550, paddingInline: 13, height: 32 } },
    },
    ActionIcon: { defaultProps: { variant: 'subtle', color: 'gray' } },
    NumberInput: NumberInput.extend({ defaultProps: { thousandSeparator: ',', clampBehavior: 'blur', hideControls: true } }),
    Tooltip: Tooltip.extend({ defaultProps: { withArrow: true, multiline: true, maw: 320, events: { hover: true, focus: true, touch: true } } }),
    Select: { defaultProps: { checkIconPosition: 'right' } },
  },
})
