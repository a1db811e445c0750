"""Ad-hoc SQL of analysts: checked, limited, run behind the fence, delivered in bounded memory."""
