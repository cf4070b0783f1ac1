"""The pages where staff sit while sales run: figures that move by themselves, and controls."""
